"""What the run of a lesson used: modules, records, checkpoints, claims; and whether they are still the same."""

import ast
import functools
import hashlib
import json
import tomllib
from importlib.metadata import version
from pathlib import Path

KEY = "course_inputs"  # in the notebook's metadata
WATCHED = ("course_utils", "records", "data")
LIBRARY = ("course_utils", "__init__.py")
LISTED = ("records", "data")  # Python itself lists course_utils, wherever it looks for a module
# What is watched computes, measures or draws. Not watched: a published check says "not done yet" whatever engine is
# under it, and progress is the learner's. The package itself silences logs. What finds lessons, files and rows, or
# words them, gives every run the same: published data are verified when they are read, and a test knows the bytes of
# the tensors made of them; rows are watched as files, a build shows the scorecard anew. A checkpoint is watched by
# its own bytes: the catalogue changes with any other one.
LEFT_OUT = (
    "course_utils/checks/",
    "course_utils/learner/",
    "course_utils/__init__.py",
    "course_utils/curriculum.py",
    "course_utils/files.py",
    "course_utils/door.py",
    "course_utils/data/files.py",
    "course_utils/data/images.py",
    "course_utils/real_models/fetching.py",
    "course_utils/scorecard/",
    "data/checksums.json",
    "data/checkpoints/catalogue.json",
    "data/models/",
)

JUDGES = ("checks.py", "answers.py")  # a published check says "not done yet", whatever it would judge
JUDGING = ("holds", "kind", "where", "value", "quartiles")  # the fields of a claim that decide its verdict

# Both run in the kernel, silently, in a namespace of their own: no cell of the lesson can lean on them.
WATCH = """exec('''
import sys
opened, listed = sys.course_used = set(), set()

def note(event, args):
    if event == "open" and "r" in str(args[1]):
        opened.add(str(args[0]))
    elif event in ("os.listdir", "os.scandir"):
        listed.add(str(args[0]))

sys.addaudithook(note)
''', {})"""
ASK = """__import__("json").dumps({"listed": [*__import__("sys").course_used[1]], "opened": [
    *__import__("sys").course_used[0],
    *(str(m.__file__) for m in list(__import__("sys").modules.values()) if getattr(m, "__file__", None))]})"""


def used(answer, lesson):
    """Digest what a run used.

    Args:
        answer: what the kernel said to ASK, JSON.
        lesson: the `curriculum.Lesson` that was run.
    Returns:
        dict: path below the root -> 12 hex digits. The modules of the library and of lessons that were loaded, the
        files under records/ and data/ that were opened (data sets, whose bytes are verified when they are read, left
        out), and the folders there that were listed, as "records/quantization/": a new file in one of them may be one
        more to show.
    Raises:
        ValueError: the run loaded the library of another folder.
    """
    root = lesson.root.resolve()
    found, told = {}, json.loads(answer)
    own = root.joinpath(*LIBRARY)
    for path in map(Path, told["opened"]):
        if path.parts[-2:] == LIBRARY and own.exists() and path.resolve() != own:
            raise ValueError(
                f"The run loaded course_utils from {path.parents[1]}, not from {root}, and nothing was written. "
                "Find what puts that folder first: a cell of the lesson, a .pth file, or sitecustomize."
            )
    for path in {Path(text).resolve() for text in told["listed"]}:
        if path.is_dir() and any(path.is_relative_to(root / name) for name in LISTED):
            found[f"{path.relative_to(root).as_posix()}/"] = _digest_of_names(path)
    for path in {Path(text).resolve() for text in told["opened"]}:
        if not path.is_relative_to(root) or not path.is_file() or path.suffix in (".gz", ".xz", ".pyc"):
            continue
        name = path.relative_to(root).as_posix()
        watched = name.split("/")[0] in WATCHED and not name.startswith(LEFT_OUT)
        if watched or (name.startswith("lessons/") and path.suffix == ".py" and path.name not in JUDGES):
            found[name] = digest(path)
    claims = f"lessons/{lesson.name}/claims.toml"
    if (root / claims).is_file():
        found[claims] = digest(root / claims)
    return dict(sorted(found.items()))


def stale(known, lesson):
    """Say what changed since a notebook was built.

    Args:
        known: the notebook's metadata under KEY; {} when it was built before there was one.
        lesson: its `curriculum.Lesson`.
    Returns:
        list of str, empty when everything that the run used is as it was.
    """
    if not known:
        return ["it does not say with which library, records and checkpoints it was built"]
    faults = []
    if known.get("torch") != torch_version():
        faults.append(f"built with torch {known.get('torch')}; here is {torch_version()}")
    for name, was in known.get("files", {}).items():
        if name.startswith(LEFT_OUT):  # it was watched when the notebook was built
            continue
        path = lesson.root / name
        if not path.exists():
            faults.append(f"built with {name}, which is gone")
        elif path.is_dir():
            if _digest_of_names(path) != was:
                faults.append(f"built when {name} held other files")
        elif digest(path) != was:
            faults.append(f"built with another {name}")
    return faults


def torch_version():
    """The version of torch without its build: the same for CPU and CUDA."""
    return version("torch").partition("+")[0]


def digest(path):
    """12 hex digits for what counts in a file.

    Of Python that is its code, so that a comment or docstring makes nothing stale; of claims what judges, since their
    words are shown anew without a run; of all others the bytes.
    """
    content = path.read_bytes()
    if path.suffix == ".py":
        content = code_text(content)
    elif path.name == "claims.toml":
        content = _judging(content)
    else:
        content = content.replace(b"\r\n", b"\n") if path.suffix in (".json", ".toml") else content
    return hashlib.sha256(content).hexdigest()[:12]


def _digest_of_names(folder):
    """12 hex digits for the names of the files in a folder; a script that makes a record (measure.py) is none."""
    files = (path for path in folder.iterdir() if path.is_file() and path.suffix != ".py")
    names = sorted(path.name for path in files if path.name[0] != ".")
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]


def _judging(source):
    """What a lesson's claims ask of a run, as text in bytes; which are cited only asks nothing."""
    asked = [one for one in tomllib.loads(source.decode()).get("claim", []) if one.get("evidence") != "cited"]
    judged = ((one.get("id", ""), [(name, str(one[name])) for name in JUDGING if name in one]) for one in asked)
    return repr(sorted(judged)).encode()


@functools.cache
def code_text(source):
    """The code of a Python file's bytes, as text in bytes; every lesson asks for that of the same modules."""
    return repr(_code(ast.parse(source))).encode()


def _code(node):
    """A syntax tree as plain nested lists, without docstrings and positions; the same on every Python."""
    if isinstance(node, list):
        return [_code(item) for item in node if not _is_docstring(item)]
    if not isinstance(node, ast.AST):
        return node
    fields = ((name, _code(value)) for name, value in ast.iter_fields(node) if name not in ("kind", "type_comment"))
    return [type(node).__name__, *((name, value) for name, value in fields if value not in (None, []))]


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
