"""What runs in a contained process: loads a submission's code, and lets the lesson's check judge its function there.

    python -I -S -B tools/sandbox/inside.py CONFIG      CONFIG is JSON, made by `tools.sandbox.contained`

The job comes through standard input. The verdict goes into the result file, which is open as standard output, behind a
nonce that came with the job and that the submission is not told. What stands there before says that the answer's time
begins.
"""

import gc
import importlib.util
import json
import linecache
import os
import sys
import time
import types


def quiet():
    """The result file's descriptor, under another number; what is printed from here on goes nowhere."""
    result = os.dup(1)
    if os.name == "nt":  # else line ends are translated
        import msvcrt

        msvcrt.setmode(result, os.O_BINARY)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
    return result


def limit(limits):
    """Set the system's limits for this process and those that it starts, as far as the system has them."""
    if os.name != "posix":
        return
    import resource

    most = {"CPU": int(time.process_time() + limits["seconds"]) + 5, "FSIZE": limits["disk"], "CORE": 0, "NOFILE": 64}
    if sys.platform == "linux":  # macOS keeps no limit on addresses; those in use now come on top
        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        most["AS"] = used + limits["memory"]
    for name, value in most.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def run_pieces(pieces):
    """Run statements of a submission, each by itself; give the names that they bind, and what went wrong.

    A statement that raises leaves its names unbound, and the next ones are run all the same. A check that shows a line
    of the answer finds it, by its number in its cell.

    Args:
        pieces: (label, line in its cell, source) of each.
    """
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    trouble = []
    for label, line, source in pieces:
        lines = linecache.getlines(label)[: line - 1]
        lines += ["\n"] * (line - 1 - len(lines)) + source.splitlines(keepends=True)
        linecache.cache[label] = len(lines), None, lines, label
        try:
            exec(compile("\n" * (line - 1) + source, label, "exec", dont_inherit=True), module.__dict__)
        except (Exception, SystemExit) as error:
            text = str(error)[:300]
            trouble.append(f"{label}: {type(error).__name__}: {text}. What this statement binds was not there.")
    return module.__dict__, trouble


def judged(lesson, name, pieces, begin):
    """The verdict of a lesson's check on the function `name`, as JSON knows it; calls `begin` before the pieces run."""
    gc.disable()  # while torch is imported there is no garbage, and looking for it takes a seventh of the time
    try:
        import torch

        from course_utils.checks import isolation

        file = "tasks" if importlib.util.find_spec(f"lessons.{lesson}.tasks") else "checks"
        check = getattr(importlib.import_module(f"lessons.{lesson}.{file}"), name)
    except Exception as error:  # a package that is not here
        return {"status": "check failed", "message": f"{type(error).__name__}: {error}"}
    gc.enable()
    torch.set_num_threads(1)
    begin()
    with isolation.kept():  # what the cells replace is put back before the check runs
        space, trouble = run_pieces(pieces)
    answer = space.get(name)
    if not callable(answer):
        return {"trouble": trouble}
    found = check(answer)
    if file == "tasks":
        return {"status": found.status, "message": found.sentence, "facts": found.rows, "trouble": trouble}
    told = {name: getattr(found, name) for name in ("status", "message", "hint", "facts", "remarks")}
    return told | {"trouble": trouble}


def main():
    """Judge one exercise of a submission."""
    config, job = json.loads(sys.argv[1]), json.loads(sys.stdin.buffer.read())
    nonce, result = job.pop("nonce"), quiet()
    os.environ.clear()
    os.environ.update(config["environment"])
    sys.path[:] = [config["root"], *(config["path"] or sys.path)]
    os.chdir(config["scratch"])

    def begin():
        limit(config["limits"])
        os.write(result, b"\n")

    told = judged(**job, begin=begin)
    os.write(result, f"{nonce}{json.dumps(told)}".encode())
    os._exit(0)  # threads that cannot be stopped do not keep it


if __name__ == "__main__":
    main()
