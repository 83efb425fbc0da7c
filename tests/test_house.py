"""The rules of the house: imports point one way, one room knows torch.ao, one format, links that lead somewhere."""

import ast
import html
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from urllib.parse import unquote

import _course
import nbformat
import pytest
from _course import expect_none

from course_utils.files import ROOT
from tools import release

PLACES = ("course_utils", "weigh", "lessons", "records", "tools", "tests")
ALLOWED = {  # what each place may import of the others
    "course_utils": {"course_utils"},
    "weigh": {"course_utils", "weigh"},
    "lessons": {"course_utils", "lessons"},
    "records": {"course_utils", "lessons", "records", "weigh"},
    "tools": {"course_utils", "records", "tools", "course", "weigh"},
    "tests": {"course_utils", "lessons", "records", "tools", "course", "weigh"},
}
LEGACY = "course_utils.legacy_int8"


def modules(root):
    """Map the dotted name of each module to its tree."""
    found = {}
    for place in PLACES:
        for path in sorted((root / place).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def import_statements(tree):
    """The import statements of a module, wherever in it they stand; kept with its tree, and gone with it."""
    if not hasattr(tree, "found"):
        tree.found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return tree.found


def imports(tree, known=()):
    """Dotted names that a module imports; submodules where they are known."""
    found = set()
    for node in import_statements(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & set(known)) or {node.module}
            if inner - set(known):
                found.add(node.module)
    return found


def wrong_ways(trees):
    """Imports that leave a place in a direction that the house does not have."""
    return [
        f"{name} imports {target}"
        for name, tree in trees.items()
        for target in sorted(imports(tree, trees))
        if (place := target.partition(".")[0]) in {*PLACES, "course"} and place not in ALLOWED[name.partition(".")[0]]
    ]


def private_ways(trees):
    """Private modules and names of the library that are taken from outside of their package."""
    faults = []
    for name, tree in trees.items():
        for target in sorted(imports(tree, trees)):
            package, _, last = target.rpartition(".")
            if last.startswith("_") and package.startswith("course_utils") and not f"{name}.".startswith(f"{package}."):
                faults.append(f"{name} imports {target}")
    return faults


def circle(trees):
    """A circle among the modules of the library, as a list of names; [] when there is none."""
    library = {name: tree for name, tree in trees.items() if name.startswith("course_utils")}
    graph = {
        name: {target for target in imports(tree, library) if target in library and target != name}
        for name, tree in library.items()
    }
    for name in graph:  # a package's face hands names on: what it imports is no arrow of the house
        graph[name] -= {package for package in graph[name] if name.startswith(f"{package}.")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def legacy_ways(trees):
    """Modules of the library and the tools that import torch.ao; one may."""
    return [
        name
        for name, tree in trees.items()
        if name.startswith(("course_utils", "tools")) and name != LEGACY
        for target in imports(tree)
        if f"{target}.".startswith("torch.ao.")
    ]


@pytest.fixture(scope="module")
def house():
    return modules(ROOT)


def test_imports_point_one_way(house):
    assert wrong_ways(house) == []


def test_private_modules_stay_in_their_package(house):
    assert [fault for fault in private_ways(house) if not fault.startswith("tests")] == []


def test_the_library_has_no_circle(house):
    assert circle(house) == []


def test_one_module_imports_torch_ao(house):
    assert legacy_ways(house) == []


def test_the_tracked_tree_fits_on_the_machines_that_take_it():
    tracked = release.tracked()
    if not tracked:
        pytest.skip("not a clone: git does not say what is tracked")
    assert sum(tracked.values()) < release.MAX_BYTES, "over 64 MiB; release figures names the largest"


@pytest.mark.parametrize("words", [("check",), ("format", "--check")], ids=lambda words: words[0])
def test_everything_has_the_one_style(words):
    command = [sys.executable, "-m", "ruff", *words, "--no-cache", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, f"run 'ruff {words[0]}'\n{done.stdout}{done.stderr}"


# ---- links between the files of the repository; web addresses are not tried --------------------------------------

PAGES = [ROOT / "README.md", *(path for place in ("docs", "data", "records") for path in (ROOT / place).rglob("*.md"))]
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.M | re.S)
LINKS = (
    re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)>\s]*)>?(?:\s+[\"'][^)]*[\"'])?\s*\)"),
    re.compile(r"^\s{0,3}\[[^\]^]+\]:\s*<?(\S+?)>?\s*$", re.M),
    re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=[\"']([^\"']+)[\"']", re.I),
)
ANCHOR = re.compile(r"<[^>]+\b(?:id|name)=[\"']([^\"']+)[\"']|^\(([\w-]+)\)=\s*$", re.M)
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$", re.M)
ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.I)


def anchors(text):
    """Anchors of a Markdown text: its headings as GitHub and Jupyter spell them, and explicit ids."""
    bare = FENCE.sub("", text)
    found, seen = {a or b for a, b in ANCHOR.findall(bare)}, {}
    for heading in HEADING.findall(bare):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found |= {f"{slug}-{seen[slug]}" if slug in seen else slug, re.sub(r"[`*]", "", plain).replace(" ", "-")}
        seen[slug] = seen.get(slug, 0) + 1
    return found


def markdown(path):
    """The Markdown of a page, or of all Markdown cells of a notebook."""
    return path.read_text(encoding="utf-8") if path.suffix == ".md" else cells(nbformat.read(path, as_version=4))


def cells(nb):
    return "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")


def broken(text, folder):
    """List the links of a Markdown text in a folder that lead nowhere."""
    bare, faults = re.sub(r"`[^`\n]*`", "``", FENCE.sub("", text)), []
    for target in (html.unescape(found) for link in LINKS for found in link.findall(bare)):
        name, _, anchor = target.partition("#")
        path = (folder / unquote(name)).resolve()
        if ELSEWHERE.match(target):
            continue
        if not target or name.startswith("/") or not path.exists() or not path.is_relative_to(ROOT):
            faults.append(f"{target}: no such file in the repository")
        elif anchor and (not name or path.suffix in (".md", ".ipynb")):
            if unquote(anchor) not in anchors(markdown(path) if name else text):
                faults.append(f"{target}: no heading or anchor of that name")
    return faults


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_of_pages(path):
    expect_none(broken(markdown(path), path.parent))


@pytest.mark.parametrize("lesson", _course.LESSONS, ids=_course.IDS)
def test_links_of_lessons(lesson):
    """They start from the folder of its notebook, where it is opened."""
    expect_none(broken(cells(_course.text(lesson)), lesson.notebook.parent))
