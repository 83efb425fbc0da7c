"""The lessons, one folder each: its text, its tasks, its claims.

A notebook imports its checks from here. From then on a `NameError` in it says in words what a learner does about it:
after a restart the kernel knows nothing, and a traceback alone does not say which cell to run first. What a copy of an
older edition asks for and a lesson no longer has, is answered likewise.
"""

import sys

REMEDY = (
    "This kernel does not know {name!r}. It was restarted, or the cell above that defines {name!r} was not run, or the "
    "name is misspelled. Run that cell and then this one again. To run them all: menu Run, then Run All Above Selected "
    "Cell."
)
OLDER = (
    "Perhaps this notebook is older than the course, and its lesson no longer has what this cell asks for: {command} hands "
    "out the lesson of today, and keeps this copy beside it."
)


def _explain(shell, kind, error, trace, tb_offset=None):
    """Show an error of a cell with its remedy; IPython calls this in place of its own report."""
    if type(error) is NameError and error.name:  # an UnboundLocalError is another mistake
        error.add_note(REMEDY.format(name=error.name))
    asked = getattr(getattr(error, "obj", None), "__name__", None) or getattr(error, "name", None) or ""
    if isinstance(error, AttributeError | ImportError) and str(asked).startswith("lessons."):
        from course_utils.files import command

        error.add_note(OLDER.format(command=command("reset", asked.split(".")[1])))
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def _watch_names():
    """Let `_explain` report some errors of the notebook that imports this; anywhere else nothing happens."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.set_custom_exc((NameError, AttributeError, ImportError), _explain)


_watch_names()
