"""What runs in the sandbox: statements of a submission, then the lesson's check on what they define.

    python inside.py < JOB      prints [status, sentence]; both are JSON

Standard output is kept for that, and gets a space when the submission begins: what a submission prints goes nowhere.
"""

import ast
import importlib
import json
import linecache
import os
import sys
import types


def judged(begin, memory, lesson, name, call, cells):
    """The (status, sentence) of an answer.

    Args:
        begin: called before the first statement of the submission runs.
        memory: bytes that the answer may take.
        lesson, name, call: of the check.
        cells: (label, text, numbers of the statements to run) of each.
    """
    try:
        check = getattr(importlib.import_module(f"lessons.{lesson}.tasks"), name)
    except Exception as error:
        return "not graded", f"The lesson's check can't be loaded: {_said(error)}"
    limit_memory(memory)
    begin()
    space, failed = run(cells)
    try:
        given = {**space, "_given": lambda *args, **named: (args, named)}
        args, named = eval(call.replace(f"check.{name}(", "_given(", 1), given)
    except Exception as error:
        return "not done yet", ". ".join([f"No cell defines the answer: {_said(error)}", *failed[:1]])
    try:
        return verdict_of(check(*args, **named))
    except Exception as error:
        return "not graded", f"The lesson's check failed: {_said(error)}"


def verdict_of(verdict):
    """What a check gives, as (status, sentence)."""
    return "not graded" if verdict.status == "check failed" else verdict.status, verdict.sentence


def run(cells):
    """Run statements one by one, whatever becomes of the others; give what they define, and what failed.

    What lacked a name is run once more at the end: cells may stand in another order than the student ran them in.
    """
    from IPython.display import display

    module = sys.modules["__main__"] = types.ModuleType("__main__")
    module.__dict__.update(display=display, get_ipython=lambda: None)
    waiting, failed = [], []
    for label, source, numbers in cells:
        linecache.cache[label] = len(source), None, source.splitlines(keepends=True), label  # a check shows such lines
        body = ast.parse(source).body
        waiting += [(label, body[number]) for number in numbers]
    for again in (True, False):
        lacked = []
        for label, node in waiting:
            try:
                exec(compile(ast.Module([node], []), label, "exec", dont_inherit=True), module.__dict__)
            except (Exception, SystemExit) as error:
                if again and isinstance(error, NameError):
                    lacked.append((label, node))
                else:
                    failed.append(f"{label}, line {node.lineno}, stops with {_said(error)}")
        waiting = lacked
    return module.__dict__, failed


def limit_memory(more):
    """Let this process take so many bytes more, where the system has such a limit."""
    if sys.platform == "linux":
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + more, used + more))


def _said(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


if __name__ == "__main__":
    job, output, nothing = json.load(sys.stdin), os.dup(1), os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    status, sentence = judged(lambda: os.write(output, b" "), **job)
    os.write(output, json.dumps([status, sentence[:1000]]).encode())
    os._exit(0)  # a thread that doesn't end keeps nobody waiting
