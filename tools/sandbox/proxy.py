"""The function of a submission, as a check calls it: every call goes to a contained process and comes back as data."""

import inspect
import io
import pickle
import sys

from tools.sandbox import repeat, values

START_SECONDS = 60.0
MOST_CALLBACKS = 20_000


class _Pickler(pickle.Pickler):
    """Leaves functions where they are, but for those of a library."""

    def __init__(self, buffer, callbacks):
        super().__init__(buffer, protocol=pickle.HIGHEST_PROTOCOL)
        self.callbacks = callbacks

    def persistent_id(self, value):
        if not inspect.isfunction(value) or value.__module__ == "torch" or _is_library(value):
            return None
        self.callbacks.append(value)
        return len(self.callbacks) - 1


def _is_library(value):
    """Whether a function can be imported from a library; one that a library has made, as an instrument, cannot."""
    if str(value.__module__).partition(".")[0] not in ("torch", "numpy", "course_utils", "copyreg"):
        return False
    found = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def _pickled(given, callbacks):
    buffer = io.BytesIO()
    _Pickler(buffer, callbacks).dump(given)
    return buffer.getvalue()


class Answer:
    """Stands for the function of a submission; a check may call it like the function itself.

    Args:
        process: a `contained.Process` of its own.
        pieces: (label, line in its cell, source) of the statements to run there.
        name: of the function.
        judge: the lesson whose check gives its verdict there, on trust; None where it is made here.
    Attributes:
        trouble: what went wrong when the statements ran.
        callable: whether there is a function of that name, at least.
    Raises:
        Gone: the process came to its end while the statements ran; any call may raise it, too.
    """

    def __init__(self, process, pieces, name, judge=None):
        self.process, self.calls = process, 0
        self.__name__ = self.__qualname__ = name
        process.send(pickle.dumps({"pieces": pieces, "name": name, "judge": judge}))
        told = self._receive(START_SECONDS)
        self.callable = told.get("is") is True
        self.trouble = repeat.texts(told.get("trouble"))
        signature = repeat.signature(told.get("ready"))
        if signature is not None:
            self.__signature__ = signature

    def __deepcopy__(self, memo):
        return self

    def __call__(self, *args):
        callbacks = []
        self.calls += 1
        told = self._ask("call", _pickled(list(args), callbacks), callbacks=callbacks)
        self._change(told.get("changed"), args)
        if told.get("printed") is True:
            print("(the answer printed something)")
        if "raised" in told:
            raise self._error(told["raised"])
        return self._decoded(told.get("value"), args)

    def finish(self):
        """What the answer changed for the whole process, in words."""
        return repeat.texts(self._ask("finish").get("changed"))

    def _receive(self, seconds=None):
        told = self.process.receive(seconds)
        if not isinstance(told, dict):
            self.process.end("crashed", "Its process sent what is no answer.")
        return told

    def _ask(self, kind, *more, callbacks=()):
        """Send a request and give the reply; serve what the answer calls back meanwhile."""
        self.process.send(pickle.dumps((kind, self.calls, *more)))
        for _ in range(MOST_CALLBACKS):
            told = self._receive()
            if "callback" in told:
                self._serve(told, callbacks)
            elif told.get("id") == self.calls:
                return told
        self.process.end("crashed", "Its process sent too much that nobody asked for.")

    def _serve(self, told, callbacks):
        """Call a function of the check for the answer."""
        try:
            number, (args, named) = told["callback"], told["args"]
            function, args, named = callbacks[number], values.decode(args), values.decode(named)
        except Exception:
            self.process.end("crashed", "Its process asked for a function that it was not given.")
        try:
            reply = ("value", function(*args, **{str(key): value for key, value in named.items()}))
        except Exception as error:
            reply = ("raised", (type(error).__name__, str(error)))
        self.process.send(pickle.dumps(reply))

    def _decoded(self, told, given):
        try:
            return values.decode(told, given)
        except values.Garbage as garbage:
            self.process.end("crashed", f"Its process sent what is no value: {garbage}.")

    def _change(self, changed, given):
        """Change the arguments here as the answer says that it changed its own; what makes no sense changes nothing."""
        for pair in changed if isinstance(changed, list) else ():
            try:
                at, now = pair
                repeat.write(given[at], values.decode(now))
            except Exception:
                continue

    def _error(self, told):
        try:
            name, text, bare = told
            return repeat.error(repeat.text(name), repeat.text(text), bare is True)
        except Exception:
            self.process.end("crashed", "Its process sent what is no exception.")
