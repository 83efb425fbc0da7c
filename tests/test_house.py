"""The structure of the house: imports point one way, private modules stay at home, one room knows torch.ao."""

import ast
from graphlib import CycleError, TopologicalSorter

import pytest

from course_utils.files import ROOT
from tools import release

PLACES = ("course_utils", "lessons", "records", "tools", "tests")
ALLOWED = {  # what each place may import of the others
    "course_utils": {"course_utils"},
    "lessons": {"course_utils", "lessons"},
    "records": {"course_utils", "records"},
    "tools": {"course_utils", "records", "tools", "course"},
    "tests": {"course_utils", "lessons", "records", "tools", "course"},
}
LEGACY = "course_utils.legacy_int8"
TASKS = {f"tools.{path.stem}" for path in (ROOT / "tools").glob("[a-z]*.py")}


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


def rooms(trees):
    """The rooms of tools/ and its tasks, each with those that it imports from."""
    tools = {name: tree for name, tree in trees.items() if name.startswith("tools.")}

    def room(name):
        return name if name.count(".") == 1 and name in TASKS else name.split(".")[1]

    graph = {}
    for name, tree in tools.items():
        found = {target for target in imports(tree, tools) if target in tools}
        graph.setdefault(room(name), set()).update(room(target) for target in found)
    return {name: found - {name} for name, found in graph.items()}


def room_faults(trees):
    """A circle among the rooms of tools/, and what a room imports from a task: a task uses rooms, not the other way."""
    graph = rooms(trees)
    back = [
        f"{name} imports {target}"
        for name, found in graph.items()
        for target in sorted(found & TASKS)
        if name not in TASKS
    ]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        back.append(f"a circle: {' → '.join(error.args[1])}")
    return back


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


def test_the_rooms_of_the_tools_have_no_circle(house):
    assert room_faults(house) == []


def test_one_module_imports_torch_ao(house):
    assert legacy_ways(house) == []


@pytest.mark.parametrize(
    ("guard", "name", "text"),
    [
        (wrong_ways, "course_utils.a", "from tools import build"),
        (wrong_ways, "course_utils.a", "def f():\n    import lessons.energy.checks"),
        (wrong_ways, "lessons.energy.checks", "from tools.publishing.lessons import read"),
        (private_ways, "tools.a", "from course_utils.callbacks._masks import x"),
        (private_ways, "lessons.energy.checks", "from course_utils.callbacks import _masks"),
        (circle, "course_utils.files", "from course_utils import runtime"),
        (room_faults, "tools.environment.a", "from tools import build"),
        (room_faults, "tools.publishing.a", "from tools.workspace import copies"),
        (room_faults, "tools.website.a", "from tools import open"),
        (legacy_ways, "course_utils.a", "import torch.ao.quantization as q"),
        (legacy_ways, "tools.a", "def f():\n    from torch.ao.nn import quantized"),
    ],
)
def test_a_planted_import_is_seen(house, guard, name, text):
    assert guard({**house, name: ast.parse(text)}) != guard(house)


def test_every_module_has_a_docstring(house):
    bare = [
        name
        for name, tree in house.items()
        if tree.body and not name.endswith(".lesson") and not ast.get_docstring(tree)
    ]
    assert bare == [], "modules without a docstring"


def test_the_tracked_tree_fits_on_the_machines_that_take_it():
    tracked = release.tracked()
    if not tracked:
        pytest.skip("not a clone: git does not say what is tracked")
    assert sum(tracked.values()) < release.MOST_BYTES, "over 64 MiB; release figures names the largest"
