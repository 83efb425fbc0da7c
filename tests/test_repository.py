"""The rules of the repository: imports point one way, no circles, one format, links that lead somewhere."""

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

ALLOWED = {  # what each package may import of the others
    "course_utils": {"course_utils"},
    "weigh": {"course_utils", "weigh"},
    "lessons": {"course_utils", "lessons"},
    "records": {"course_utils", "lessons", "records", "weigh"},
    "tools": {"course_utils", "records", "tools", "course", "weigh"},
    "tests": {"course_utils", "lessons", "records", "tools", "course", "weigh"},
}
LEGACY = "course_utils.legacy_int8"  # the one module that may import torch.ao


@pytest.fixture(scope="module")
def imports():
    """Dotted name of each module -> dotted names that it imports, of modules as far as it can be told."""
    trees = {}
    for package in ALLOWED:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            trees[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_bytes())
    found = {}
    for name, tree in trees.items():
        found[name] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found[name] |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                found[name] |= (inner & set(trees)) or {node.module}
    return found


def test_imports_point_one_way(imports):
    places = {*ALLOWED, "course"}
    expect_none(
        [
            f"{name} imports {target}; {package} may import {', '.join(sorted(ALLOWED[package]))}, and packages"
            for name, targets in imports.items()
            for target in sorted(targets)
            if target.partition(".")[0] in places - ALLOWED[package := name.partition(".")[0]]
        ]
    )


def test_the_library_has_no_circle(imports):
    library = {name for name in imports if name.startswith("course_utils.")}
    try:
        TopologicalSorter({name: imports[name] & library - {name} for name in library}).prepare()
    except CycleError as error:
        pytest.fail(f"these modules import each other in a circle: {', '.join(error.args[1])}")


def test_one_module_imports_torch_ao(imports):
    ours = {name: targets for name, targets in imports.items() if name.startswith(("course_utils", "tools"))}
    names = [name for name, targets in ours.items() if any(f"{target}.".startswith("torch.ao.") for target in targets)]
    expect_none([f"{name} imports torch.ao, which is deprecated" for name in names if name != LEGACY])


def test_the_tracked_tree_is_not_too_large_to_download():
    tracked = release.tracked()
    if not tracked:
        pytest.skip("not a clone: git does not say what is tracked")
    assert sum(tracked.values()) < release.MAX_BYTES, "over 64 MiB; `course.py release figures` names the largest"


@pytest.mark.parametrize("words", [("check",), ("format", "--check")], ids=lambda words: words[0])
def test_everything_has_the_one_style(words):
    command = [sys.executable, "-m", "ruff", *words, "--no-cache", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, f"type: ruff {words[0]} .\n{done.stdout}{done.stderr}"


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
