"""What runs beside a submission, in a contained process: loads its code and calls its function when asked.

    python -I -S -B tools/sandbox/inside.py CONFIG      CONFIG is JSON, made by `tools.sandbox.contained`

It says what the function gave as JSON (`tools.sandbox.tell`). Nothing here decides anything: a submission may change
all of it, and changes only what is said of itself. No check is imported, but for an exercise that is judged on trust.
"""

import json
import os
import socket
import sys

HIDDEN = ("lessons", "tools", "tests", "course", "course_utils.checks", "course_utils.exercises")


class Hidden:
    """Finds no module of the course that a submission has no business with."""

    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        """Part of Python's way to import: None means that another may look."""
        if any(name == hidden or name.startswith(f"{hidden}.") for hidden in self.names):
            raise ModuleNotFoundError(f"{name} is not there while an answer is judged", name=name)


def prepare(config):
    """Import what every exercise needs, and hide what none may have."""
    sys.path[:] = [config["root"], *config["path"]]
    from tools.sandbox import session as _session
    from tools.sandbox import tell

    for name in [name for name in sys.modules if name.partition(".")[0] == "tools"]:
        del sys.modules[name]
    import torch

    from course_utils.exercises import isolation

    torch.set_num_threads(1)
    if not config["trust"]:
        for name in [name for name in sys.modules if name.startswith("course_utils.exercises")]:
            del sys.modules[name]
        delattr(sys.modules["course_utils"], "exercises")
        sys.meta_path.insert(0, Hidden(HIDDEN))
    return _session, tell, torch, isolation


def quiet():
    """What the process prints, in whatever way, goes nowhere; there is nothing to read."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)


def once(config):
    """Serve one exercise through standard input and output."""
    reading, writing = os.dup(0), os.dup(1)
    if os.name == "nt":  # else line ends are translated
        import msvcrt

        msvcrt.setmode(reading, os.O_BINARY), msvcrt.setmode(writing, os.O_BINARY)
    quiet()
    sys.path.insert(0, config["root"])
    namespaces = None
    if sys.platform == "linux":
        from tools.sandbox import namespaces
    session, *tools = prepare(config)
    os.chdir(config["scratch"])
    limits = config["limits"]
    if namespaces:
        namespaces.limit(limits["seconds"], limits["memory"], limits["processes"], limits["file_bytes"])
    elif os.name == "posix":  # macOS keeps no limit on addresses
        import resource

        for what, most in (("CPU", limits["seconds"]), ("FSIZE", limits["file_bytes"]), ("CORE", 0)):
            resource.setrlimit(getattr(resource, f"RLIMIT_{what}"), (int(most), int(most)))
    session.Session(session.Channel(reading, writing), *tools).serve()


def many(config):
    """Fork a process in namespaces of its own for each exercise that comes through the socket at standard input."""
    sys.path.insert(0, config["root"])
    from tools.sandbox import namespaces as _namespaces

    _namespaces.new_root(config["folders"], config["scratch"], config["nobody"])
    control = socket.socket(fileno=os.dup(0))
    quiet()
    tools = prepare(config)
    _namespaces._prctl(_namespaces.PR_SET_PDEATHSIG, 9)
    control.send(b"ready")
    while True:
        _, (*_, channel, leash), *_ = socket.recv_fds(control, 16, 2) or os._exit(0)
        if not os.fork():
            control.close()
            _supervise(config, _namespaces, tools, channel, leash)
        os.close(channel)
        os.close(leash)
        while True:  # supervisors that have ended
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break


def _supervise(config, namespaces, tools, channel, leash):
    """Start the process of one exercise; end it when the leash is let go, and say on it how it ended."""
    import select

    (session, *tools), limits = tools, config["limits"]
    child = namespaces.apart(config["scratch"], limits["disk"], limits["files"])
    if not child:
        os.close(leash)
        os.chdir(config["scratch"])
        namespaces.limit(limits["seconds"], limits["memory"], limits["processes"], limits["file_bytes"])
        try:
            session.Session(session.Channel(channel, channel), *tools).serve()
        finally:
            os._exit(1)
    os.close(channel)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            os.write(leash, json.dumps(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
        if select.select([leash], [], [], 0.02)[0]:
            os.kill(child, 9)
            os.waitpid(child, 0)
            os._exit(0)


def main():
    """Read the configuration and serve, in the way that it says."""
    config = json.loads(sys.argv[1])
    os.environ.clear()
    os.environ.update(config["environment"])
    {"once": once, "many": many}[config["way"]](config)


if __name__ == "__main__":
    main()
