"""A process for each row: it opens a model, and decodes when asked; so no engine's threads disturb another's."""

import multiprocessing
import os
from pathlib import Path

from records.language import engines, files, shapes

LIMIT = 900  # seconds that an answer may take: to write a large model, or to compile it


class Failed(RuntimeError):
    """A row that cannot be measured; the message is one sentence that says why."""


class Process:
    """The process of one row.

    Args:
        shape: a `shapes.Shape`.
        folder: where the shape's files are; what the engine prints goes to log.txt there.
        family, kind, how: of the row.
    """

    def __init__(self, shape, folder: Path, family: str, kind: str, how: str):
        folder.mkdir(parents=True, exist_ok=True)
        context = multiprocessing.get_context("spawn")
        self.end, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, shape, folder, family, kind, how))
        self.process.start()
        other.close()

    def ask(self, what: str, *values):
        """The answer of `serve`.

        Raises:
            Failed: an error in the process, its end, or no answer in time.
        """
        try:
            self.end.send((what, values))
            if not self.end.poll(LIMIT):
                raise Failed(f"Its process gave no answer in {LIMIT} s.")
            good, answer = self.end.recv()
        except (EOFError, OSError):
            raise Failed("Its process ended; what it printed is in log.txt beside its files.") from None
        if not good:
            raise Failed(answer)
        return answer

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.end.close()


def serve(end, shape, folder: Path, family: str, kind: str, how: str) -> None:
    """Answer one question after the other, with (True, an answer) or (False, why not), until there is nobody to ask."""
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    engine, prompt = None, shapes.prompt(shape)
    while True:
        try:
            what, values = end.recv()
        except EOFError:
            return
        try:
            if what == "prepare":
                answer = files.prepare(shape, folder, family, kind)
            elif what == "open":
                engine = engines.opened(shape, folder, family, kind, how)
                answer = engine.bytes_read, engine.note
            elif what == "threads":
                answer = engine.set_threads(*values)
            else:
                answer = engine.decode(prompt, *values)
            end.send((True, answer))
        except Exception as error:  # engines raise what they like; the other rows must still be measured
            end.send((False, why(error)))


def why(error: Exception) -> str:
    """One sentence on an error, for somebody who wants the row."""
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "?").partition(".")[0]
        return f'The package {package} is not installed; it belongs to the extra "bench-language".'
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
