"""What can be said of Windows without it: commands, names, paths, encodings, a narrow console, files that are held."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from _course import expect_none

from course_utils import files
from course_utils.files import ROOT
from tools import run, site
from tools.environment import env as _env
from tools.publishing import lessons
from tools.workspace import workspace

CODE = [
    ROOT / "course.py",
    *sorted((ROOT / "tools").rglob("*.py")),
    *sorted((ROOT / "course_utils").rglob("*.py")),
    *sorted((ROOT / "lessons").rglob("*.py")),
]
PAGES = [
    ROOT / "README.md",
    *(path for name in ("docs", "data", "records") for path in sorted((ROOT / name).rglob("*.md"))),
]
STARTS = r"(?:python3?|py|pip|uv|conda|ruff|git|pytest|jupyter|course\.py)\b"
COMMAND = re.compile(rf'(?:[A-Z_]+=\S+ +)?(?:\./|sudo )?{STARTS}|export |source |(?:& )?"[^"]*" +-')
FENCED = re.compile(r"^```(?:\w*)\n(.*?)^```", re.M | re.S)
INDENTED = re.compile(r"(?:\A|\n\n)((?: {4}\S.*\n?)+)")
NOT_POWERSHELL = {  # a pattern of a line, and what PowerShell 5, which Windows has, makes of it
    r"&&|\|\|": "joins two commands with && or ||, which PowerShell knows from version 7 on: write two lines",
    r"^\s*(?:export|source|chmod|rm -|ls -|touch|sudo)\b": "is a command of Unix shells",
    r"^\s*[A-Z_]+=\S* +\S": "sets a variable before a command, as only Unix shells can",
    r"\\\s*$": "ends with a backslash, which continues no line in PowerShell",
    r"/tmp\b|/dev/null|~/": "has a path of Unix",
    r"(?:^|\s)\./": "starts a program as ./x",
    r"'[^']*\"[^']*'": "has quotes inside single quotes, which cmd and PowerShell pass on in other ways",
    r"^\s*\"[^\"]*\" +\S": "begins with a quoted program, which PowerShell takes for a text: needs & before it",
}
RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))}
GENERATED = {".git", ".venv", "build", "workspace", "__pycache__", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints"}
LINUX = {"course_utils/measure/hardware.py"}  # reads what Linux alone has, in ASCII
OURS = {"lessons/deep_compression/lesson.py"}  # asks a Python of the same system, which says ASCII


def lines_of(text):
    """The command lines of a page: in fenced and indented blocks, and what a span of code begins with a program."""
    blocks = [block for kind in (FENCED, INDENTED) for block in kind.findall(text)]
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if COMMAND.match(line)] + re.findall(rf"`({STARTS} [^`\n]+)`", text)


def not_powershell(lines):
    """Say which lines PowerShell does not take."""
    return [f"{line!r} {why}" for line in lines for bad, why in NOT_POWERSHELL.items() if re.search(bad, line)]


def messages(path):
    """The texts of a module that name a command of the course, values left open; docstrings are not messages."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        text = None
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        if text and re.search(r"course\.py|-m pip|pip install", text):
            yield from (line for line in text.splitlines() if re.search(r"course\.py|-m pip|pip install", line))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_are_lines_that_powershell_takes(path):
    expect_none(not_powershell(lines_of(path.read_text(encoding="utf-8"))))


def without_py(text):
    """True where a page has a command with python3, which Windows lacks, and does not say what to write there."""
    return "python3 course.py" in text and "`py`" not in text and "`py course.py" not in text


def test_a_page_with_commands_says_what_to_type_on_windows():
    expect_none([path.name for path in PAGES if without_py(path.read_text(encoding="utf-8"))])
    assert without_py("Type `python3 course.py site`.")


def test_the_commands_in_messages_are_lines_that_powershell_takes():
    said = {line.strip() for path in CODE for line in messages(path)}
    assert len(said) > 20
    expect_none(not_powershell(sorted(said)))


@pytest.mark.parametrize(
    "line",
    [
        "python3 course.py test && python3 course.py build",
        "export COURSE_QUICK=1",
        "COURSE_QUICK=1 python3 course.py run",
        "python3 course.py run \\",
        "python3 course.py grade /tmp/x",
        "./course.py test",
        "python3 course.py test -k 'not \"slow\"'",
        '"C:/Program Files/python.exe" -m pip install x',
    ],
)
def test_a_line_that_powershell_does_not_take_is_found(line):
    page = f"Words.\n\n    {line}\n\nMore.\n"
    assert not_powershell(lines_of(page)) and not_powershell(lines_of(f"```\n{line}\n```\n"))


def test_the_line_that_installs_is_one_for_powershell(monkeypatch):
    monkeypatch.setattr(_env.os, "name", "nt")
    monkeypatch.setattr(_env.sys, "executable", r"C:\Program Files\Python\python.exe")
    assert _env.install_line(()).startswith(r'& "C:\Program Files\Python\python.exe" -m pip install')
    monkeypatch.setattr(_env.sys, "executable", r"C:\Python\python.exe")
    assert _env.install_line(()).startswith(r"C:\Python\python.exe -m pip install")


def named(root):
    """Every path below a folder, from it, without what is generated."""
    for folder, inner, there in os.walk(root):
        inner[:] = [name for name in inner if name not in GENERATED and not name.endswith(".egg-info")]
        yield from (Path(folder, name).relative_to(root).as_posix() for name in [*inner, *there])


def forbidden(paths):
    """Say which paths Windows could not hold, or would take for one another."""
    wrong, seen = [], {}
    for path in paths:
        for part in path.split("/"):
            if part.split(".")[0].lower() in RESERVED or re.search(r'[<>:"|?*\\\x00-\x1f]|[. ]$', part):
                wrong.append(f"{path}: Windows does not allow the name {part!r}")
        if len(path) > 120:
            wrong.append(f"{path}: {len(path)} letters; 120 leave room for the folder of the course")
        if seen.setdefault(path.lower(), path) != path:
            wrong.append(f"{path} and {seen[path.lower()]} are one file on Windows")
    return wrong


def test_every_name_is_one_that_windows_allows():
    expect_none(forbidden(named(ROOT)))


@pytest.mark.parametrize("path", ["a/con.txt", "NUL", "a:b", "x/y.", "what?", "a/" + 130 * "b"])
def test_a_name_that_windows_forbids_is_found(path):
    assert len(forbidden([path])) == 1


def test_names_that_differ_in_case_alone_are_found():
    assert forbidden(["docs/A.md", "docs/a.md"]) == ["docs/a.md and docs/A.md are one file on Windows"]


def test_there_is_no_symbolic_link():
    assert [path for path in named(ROOT) if (ROOT / path).is_symlink()] == []


def without_encoding(text):
    """Lines on which a text is read, written or piped in the encoding of the system."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        given = {word.arg for word in node.keywords}
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        owner = getattr(getattr(node.func, "value", None), "id", "")
        modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        plain = (
            name == "open" and owner not in ("Image", "webbrowser", "gzip", "os") and not any("b" in m for m in modes)
        )
        piped = name in ("run", "Popen", "check_output") and given & {"text", "universal_newlines"}
        if (plain or piped or name in ("read_text", "write_text")) and "encoding" not in given:
            yield node.lineno


def test_every_text_is_read_and_written_in_utf_8():
    found = {
        path.relative_to(ROOT).as_posix(): list(without_encoding(path.read_text(encoding="utf-8"))) for path in CODE
    }
    assert {name: lines for name, lines in found.items() if lines and name not in LINUX | OURS} == {}


@pytest.mark.parametrize(
    "text", ["open(p)", "p.read_text()", "p.write_text(x)", "run(words, text=True)", "p.open('w')"]
)
def test_a_text_in_the_encoding_of_the_system_is_found(text):
    assert list(without_encoding(text)) == [1]


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["copies"],
        ["nonsense"],
        ["run", "nothing"],
        pytest.param(["doctor"], marks=pytest.mark.slow),  # imports torch
    ],
)
def test_a_console_of_code_page_1252_prints_what_the_tasks_say(tmp_path, words):
    env = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "COURSE_WORKSPACE": str(tmp_path / "Ł 文")}
    done = subprocess.run([sys.executable, str(ROOT / "course.py"), "--here", *words], env=env, capture_output=True)
    said = done.stdout.decode("cp1252") + done.stderr.decode("cp1252")
    assert "Traceback" not in said and "Encode" not in said and said.strip(), said


def held(*names):
    """os.replace as on Windows while another program holds a file of one of these names."""
    replace = os.replace

    def refuse(source, target):
        if Path(target).name in names:
            raise PermissionError(13, "Permission denied", str(target))
        return replace(source, target)

    return refuse


def test_a_file_that_is_held_stays_whole_and_nothing_is_left_beside_it(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text("old", encoding="utf-8")
    monkeypatch.setattr(os, "replace", held("a.json"))
    with pytest.raises(PermissionError):
        files.write_whole(tmp_path / "a.json", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == "old"


def test_a_copy_that_is_held_is_named_and_the_next_start_goes_on(tmp_path, monkeypatch, capsys):
    from tools import open as open_task

    notebook = lessons.select(["energy"])[0].notebook
    for name in ("1_a", "2_b"):
        target = tmp_path / "notebooks" / "1_part" / f"{name}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(notebook.read_bytes().replace(b'"name": "energy"', b'"name": "%s"' % name[2:].encode()))
    monkeypatch.setattr(open_task, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(open_task, "WORKSPACE", tmp_path / "workspace")
    monkeypatch.setattr(open_task.doctor, "examine", lambda: [])
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", held("2_b.ipynb"))
        assert open_task.main(["--no-open"]) == 1
    said = capsys.readouterr().out
    assert "Permission denied" in said and "2_b.ipynb" in said and "What to do:" in said
    assert (tmp_path / "workspace" / "1_part" / "1_a.ipynb").exists()
    assert workspace.fill(tmp_path / "notebooks", tmp_path / "workspace") == []
    there = sorted(path.name for path in (tmp_path / "workspace").rglob("*") if path.is_file())
    assert there == [".handed_out.json", "1_a.ipynb", "2_b.ipynb"]


def test_a_result_that_is_held_is_told_and_the_run_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "RESULTS", tmp_path / "build")
    monkeypatch.setattr(run, "WORKSPACE", tmp_path / "workspace")
    monkeypatch.setattr(lessons, "execute", lambda nb, **options: nb)
    monkeypatch.setattr(os, "replace", held("3_energy.ipynb"))
    assert run.main(["energy", "baseline"]) == 1
    said = capsys.readouterr().out
    assert "The result was not kept" in said and "Close what holds it." in said and "2_baseline.ipynb" in said


def test_a_site_in_a_window_is_told(tmp_path, monkeypatch, capsys):
    def refuse(path, **options):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "site").mkdir()
    monkeypatch.setattr(site, "SITE", tmp_path / "site")
    monkeypatch.setattr(site, "SOURCE", tmp_path / "source")
    monkeypatch.setattr(site.shutil, "rmtree", refuse)
    assert site.main([]) == 1
    assert "cannot be written: Permission denied. Close what holds it" in capsys.readouterr().out


def test_text_ends_lines_with_a_line_feed_everywhere():
    attributes = (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines()
    assert attributes[0] == "* text=auto eol=lf"
    binary = {line.split()[0] for line in attributes if line.endswith(" binary")}
    kinds = {f"*{path.suffix}" for name in ("data", "docs") for path in (ROOT / name).rglob("*") if path.is_file()}
    assert kinds - {"*.md", "*.json", "*.toml", "*.txt", "*.svg", "*"} <= binary
