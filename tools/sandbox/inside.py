"""What runs beside a submission, in a contained process: loads its code and calls its function when asked.

    python -I -S -B tools/sandbox/inside.py CONFIG      CONFIG is JSON, made by `tools.sandbox.contained`

It says what the function gave as JSON (`tools.sandbox.tell`). Nothing here decides anything: a submission may change
all of it, and changes only what is said of itself. No check is imported, but for an exercise that is judged on trust.
"""

import gc
import json
import os
import sys

HIDDEN = ("lessons", "tools", "tests", "course", "course_utils.checks", "course_utils.exercises")


class Hidden:
    """Finds no module of the course that a submission has no business with."""

    def find_spec(self, name, path=None, target=None):
        """Part of Python's way to import: None means that another may look."""
        if any(name == hidden or name.startswith(f"{hidden}.") for hidden in HIDDEN):
            raise ModuleNotFoundError(f"{name} is not there while an answer is judged", name=name)


def pipes():
    """Standard input and output under other numbers; what is printed from here on, in whatever way, goes nowhere."""
    reading, writing = os.dup(0), os.dup(1)
    if os.name == "nt":  # else line ends are translated
        import msvcrt

        msvcrt.setmode(reading, os.O_BINARY), msvcrt.setmode(writing, os.O_BINARY)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
    return reading, writing


def prepare(config):
    """Import what every exercise needs, and hide what none may have."""
    sys.path[:] = [config["root"], *(config["path"] or sys.path)]
    gc.disable()  # while torch is imported there is no garbage, and looking for it takes a seventh of the time
    from tools.sandbox import session as _session
    from tools.sandbox import tell

    for name in [name for name in sys.modules if name.partition(".")[0] == "tools"]:
        del sys.modules[name]
    import torch

    from course_utils.exercises import isolation

    gc.enable()
    torch.set_num_threads(1)
    if not config["trust"]:
        for name in [name for name in sys.modules if name.startswith("course_utils.exercises")]:
            del sys.modules[name]
        delattr(sys.modules["course_utils"], "exercises")
        sys.meta_path.insert(0, Hidden())
    return _session, tell, torch, isolation


def limit(limits):
    """Set the system's limits for this process and those that it starts, as far as the system has them."""
    if os.name != "posix":
        return
    import resource

    most = {"CPU": int(limits["seconds"]), "FSIZE": limits["disk"], "CORE": 0, "NOFILE": 64}
    if sys.platform == "linux":  # macOS keeps no limit on addresses; those in use now come on top
        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        most["AS"] = used + limits["memory"]
    for name, value in most.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def main():
    """Serve one exercise through standard input and output."""
    config = json.loads(sys.argv[1])
    os.environ.clear()
    os.environ.update(config["environment"])
    reading, writing = pipes()
    session, *tools = prepare(config)
    os.chdir(config["scratch"])
    limit(config["limits"])
    session.Session(session.Channel(reading, writing), *tools).serve()


if __name__ == "__main__":
    main()
