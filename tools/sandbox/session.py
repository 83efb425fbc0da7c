"""One exercise of a submission in a contained process: its function is called when the other side asks for it.

It imports nothing large by itself: `tools.sandbox.inside` hands it what it needs.
"""

import ast
import builtins
import importlib
import inspect
import io
import os
import pickle
import struct
import sys
import types

HEADER = struct.Struct(">I")


class Channel:
    """Frames through two file descriptors: four bytes of length, then so many bytes."""

    def __init__(self, reading, writing):
        self.reading, self.writing = reading, writing

    def _read(self, count):
        found = b""
        while len(found) < count:
            part = os.read(self.reading, min(count - len(found), 1 << 20))
            if not part:
                os._exit(0)  # the other side is gone
            found += part
        return found

    def receive(self):
        """The next frame; ends the process where there is none any more."""
        return self._read(HEADER.unpack(self._read(HEADER.size))[0])

    def send(self, raw):
        """Send a frame."""
        whole = HEADER.pack(len(raw)) + raw
        while whole:
            whole = whole[os.write(self.writing, whole) :]


class _Unpickler(pickle.Unpickler):
    """Makes of a function that stayed on the other side one that is called there."""

    def __init__(self, raw, session):
        super().__init__(io.BytesIO(raw))
        self.session = session

    def persistent_load(self, pid):
        def callback(*args, **named):
            told = [self.session.encode(list(args)), self.session.encode(named)]
            return self.session.ask({"callback": pid, "args": told})

        return callback


class Session:
    """One exercise of one submission: its function, and the calls of it."""

    def __init__(self, channel, tell, torch, isolation):
        self.channel, self.tell, self.torch, self.isolation = channel, tell, torch, isolation
        self.encode = tell.encode

    def say(self, told):
        self.channel.send(self.tell.to_bytes(told))

    def hear(self):
        return _Unpickler(self.channel.receive(), self).load()

    def ask(self, told):
        """Ask the other side for something while a call is under way."""
        self.say(told)
        kind, value = self.hear()
        if kind == "raised":
            raise getattr(builtins, value[0], RuntimeError)(value[1])
        return value

    def serve(self):
        """Load what there is to load, then answer calls until the other side hangs up."""
        job = self.hear()
        self.kept = self.isolation.kept()
        self.found = self.kept.__enter__()
        space, trouble = run_pieces(job["pieces"])
        self.answer = space.get(job["name"])
        self.say({"ready": signature(self.answer), "is": callable(self.answer), "trouble": trouble[:20]})
        if job["judge"]:
            self.judge(job["judge"], job["name"])
        while True:
            kind, *rest = self.hear()
            self.say({"call": self.call, "finish": self.finish}[kind](*rest))

    def call(self, number, args):
        """Call the answer; say what it gave or raised, what it changed of its arguments, whether it printed."""
        args = _Unpickler(args, self).load()
        before, told = [self.told(arg) for arg in args], {"id": number}
        with self.isolation.printed() as output:
            try:
                with self.isolation.kept_in_thread():
                    got = self.answer(*args)
                told["value"] = self.tell.encode(got, args)
            except (Exception, SystemExit) as error:
                told["raised"] = [type(error).__name__, _text(error)[:2000], not error.args]
        after = [self.told(arg) for arg in args]
        told["changed"] = [[at, now] for at, (was, now) in enumerate(zip(before, after, strict=True)) if was != now]
        told["printed"] = bool(output.text().strip())
        return told

    def told(self, arg):
        """An argument as text to compare; of a module, its state."""
        return self.encode(dict(arg.state_dict()) if isinstance(arg, self.torch.nn.Module) else arg)

    def finish(self, number):
        """Put back what was changed for the whole process, and say what that was."""
        self.kept.__exit__(None, None, None)
        return {"id": number, "changed": [str(text)[:500] for text in self.found.changed[:5]]}

    def judge(self, lesson, name):
        """Run the check beside the answer: only for an exercise that is judged on trust."""
        verdict = getattr(importlib.import_module(f"lessons.{lesson}.checks"), name)(self.answer)
        parts = [verdict.exercise, verdict.status, verdict.message, verdict.hint, verdict.facts, verdict.remarks]
        self.say({"verdict": self.encode(parts)})


def _text(error):
    try:
        return str(error)
    except Exception:
        return "(its text cannot be shown)"


def run_pieces(pieces):
    """Run statements of a submission, each by itself; give the names that they bind, and what went wrong.

    A statement that raises leaves its names unbound, and the next ones are run all the same. What it says of a line
    is said of the line in its cell.

    Args:
        pieces: (label, line in its cell, source) of each.
    """
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    trouble = []
    for label, line, source in pieces:
        try:
            tree = ast.increment_lineno(ast.parse(source), line - 1)
            exec(compile(tree, label, "exec", dont_inherit=True), module.__dict__)
        except (Exception, SystemExit) as error:
            trouble.append(f"{label}: {type(error).__name__}: {_text(error)[:300]}")
    return module.__dict__, trouble


def signature(answer):
    """The parameters of a function as [name, kind, has a default], or None."""
    try:
        found = inspect.signature(answer).parameters.values()
        return [[p.name, int(p.kind), p.default is not p.empty] for p in found]
    except Exception:
        return None
