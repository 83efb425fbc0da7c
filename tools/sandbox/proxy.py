"""The function of a submission, as a check calls it: every call goes to a contained process and comes back as data."""

import inspect
import io
import pickle
import sys

import torch

from tools.sandbox import repeat, values

START_SECONDS = 60.0
MOST_CALLBACKS = 20_000


class _Pickler(pickle.Pickler):
    """Leaves functions where they are, but for those of a library; classes of a check go as they are."""

    callbacks = None

    def persistent_id(self, value):
        if inspect.isfunction(value) and value.__module__ != "torch" and not _is_library(value):
            self.callbacks.append(value)
            return len(self.callbacks) - 1
        return None


def _is_library(value):
    """Whether a function can be imported from a library; one that a library has made, as an instrument, cannot."""
    if str(value.__module__).partition(".")[0] not in ("torch", "numpy", "course_utils", "copyreg"):
        return False
    found = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


class _Shells(_Pickler):
    """Classes of a check, which cannot be imported where the submission is, go as their name, bases and plain parts."""

    def reducer_override(self, value):
        if isinstance(value, type) and value.__module__.startswith("lessons."):
            plain = {k: v for k, v in vars(value).items() if isinstance(v, (str, int, float, tuple)) and k[0] != "_"}
            return type, (value.__name__, value.__bases__, plain)
        return NotImplemented


class Answer:
    """Stands for the function of a submission; a check may call it like the function itself.

    Args:
        process: a `contained.Process` of its own.
        pieces: (label, line in its cell, source) of the statements to run there.
        name: of the function.
        by_value: functions among the arguments go to the submission as they are, with `cloudpickle`.
        watch: word -> function that is called here when an operator with that word in its name ran there.
        imports: modules that are imported there before any time is taken.
        judge: the lesson whose check gives its verdict there, on trust.

    Attributes:
        trouble: what went wrong when the statements ran.
        callable: whether there is a function of that name, at least.
    Raises:
        Gone: the process came to its end while the statements ran; any call may raise it, too.
    """

    def __init__(self, process, pieces, name, by_value=False, watch=(), imports=(), judge=None):
        self.process, self.by_value, self.watch, self.calls = process, by_value, watch, 0
        self.__name__ = self.__qualname__ = name
        job = {"pieces": pieces, "name": name, "imports": imports, "watch": tuple(watch)} | (
            {"judge": judge} if judge else {}
        )
        process.send(pickle.dumps(job))
        told = self._ask_of(process.receive(START_SECONDS), "ready", "trouble")
        self.callable = told.get("is") is True
        self.trouble = [repeat.text(line) for line in told["trouble"]][:20] if isinstance(told["trouble"], list) else []
        self.__signature__ = repeat.signature(told["ready"])
        if self.__signature__ is None:
            del self.__signature__

    def _ask_of(self, told, *names):
        if not isinstance(told, dict) or any(name not in told for name in names):
            self.process.end("crashed", "Its process sent what is no answer.")
        return told

    def __deepcopy__(self, memo):
        return self

    def __call__(self, *args):
        given = list(args)
        callbacks, raw = self._pickled(given)
        told = self._reply("call", callbacks, raw)
        self._change(told.get("changed"), given)
        if told.get("printed") is True:
            print("(the answer printed something)")
        if "raised" in told:
            raise self._error(told["raised"])
        ran = told.get("ran")
        for word in self.watch:
            if isinstance(ran, list) and word in ran:
                self.watch[word]()
        value = self._decoded(told.get("value"), given)
        leaves = [arg for arg in given if isinstance(arg, torch.Tensor) and arg.requires_grad]
        if isinstance(value, torch.Tensor) and value.requires_grad and torch.is_grad_enabled() and leaves:
            if not any(value is arg for arg in given):
                return _Remote.apply(self, self.calls, value.detach(), *leaves)
        return value.detach() if isinstance(value, torch.Tensor) and not any(value is arg for arg in given) else value

    def finish(self):
        """What the answer changed for the whole process, in words."""
        told = self._reply("finish", [], None)
        changed = told.get("changed")
        return [repeat.text(line) for line in changed[:5]] if isinstance(changed, list) else []

    def _pickled(self, given):
        callbacks, buffer = [], io.BytesIO()
        if self.by_value:
            return callbacks, _by_value(given)
        pickler = _Shells(buffer, protocol=pickle.HIGHEST_PROTOCOL)
        pickler.callbacks = callbacks
        pickler.dump(given)
        return callbacks, buffer.getvalue()

    def _reply(self, kind, callbacks, raw, more=()):
        """Send a request and give the reply; serve what the answer calls back meanwhile."""
        self.calls += kind == "call"
        number, head = self.calls, pickle.dumps((kind, self.calls))
        if kind == "call":
            # The list of arguments is pickled by itself, so that what is known to pickle plainly stays out of it.
            head = _joined(number, raw, tuple(self.watch))
        elif kind == "back":
            head = pickle.dumps((kind, number, *more))
        self.process.send(head)
        for _ in range(MOST_CALLBACKS):
            told = self._ask_of(self.process.receive())
            if "callback" in told:
                self._serve(told, callbacks)
            elif told.get("id") == number:
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
            return values.decode(told, given, repeat.tensors(given))
        except values.Garbage as garbage:
            self.process.end("crashed", f"Its process sent what is no value: {garbage}.")

    def _change(self, changed, given):
        """Change the arguments here as the answer says that it changed its own."""
        if not isinstance(changed, list):
            return
        for pair in changed:
            try:
                at, now = pair
                repeat.write(given[at], values.decode(now))
            except Exception:  # it says what makes no sense: then nothing is changed
                continue

    def _error(self, told):
        try:
            name, text, bare = told
            return repeat.error(repeat.text(name), repeat.text(text), bare is True)
        except Exception:
            self.process.end("crashed", "Its process sent what is no exception.")


def _by_value(given):
    """A pickle that holds the functions and classes of the lessons themselves."""
    import cloudpickle

    theirs = [sys.modules[name] for name in list(sys.modules) if name.startswith("lessons.")]
    for module in theirs:
        cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(given)
    finally:
        for module in theirs:
            cloudpickle.unregister_pickle_by_value(module)


def _joined(number, raw, watch):
    """One pickle of a call, made around the pickle of its arguments."""
    return pickle.dumps(("call", number, raw, watch))


class _Remote(torch.autograd.Function):
    """A value whose gradients the other process computes."""

    @staticmethod
    def forward(ctx, answer, number, value, *leaves):
        ctx.answer, ctx.number, ctx.shapes = answer, number, [(leaf.shape, leaf.dtype) for leaf in leaves]
        return value

    @staticmethod
    def backward(ctx, above):
        told = ctx.answer._reply("back", [], None, (above,))
        if "raised" in told:
            raise ctx.answer._error(told["raised"])
        found = ctx.answer._decoded(told.get("value"), [])
        good = isinstance(found, list) and [
            part is None or (isinstance(part, torch.Tensor) and (part.shape, part.dtype) == wanted)
            for part, wanted in zip(found, ctx.shapes, strict=False)
        ]
        if not good or len(good) != len(ctx.shapes) or not all(good):
            ctx.answer.process.end("crashed", "Its process sent what is no gradient.")
        return None, None, None, *found
