"""JupyterLab on a folder: the command that starts it, its environment, and whether one runs there already."""

import os
import socket
import sys
from pathlib import Path

import zmq

from course_utils.files import ROOT
from tools.publishing import openmp

SETTINGS = Path(__file__).resolve().with_name("jupyter")  # of the course


def command(folder, address, *, browser=False, port=None):
    """The command that starts JupyterLab.

    Args:
        folder: whose files it shows.
        address: what it opens at, such as "/lab".
        browser: whether it opens one.
        port: its own, or None for 8888 or the next free one.
    """
    words = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.default_url={address}",
        "--ServerApp.answer_yes=True",  # Ctrl-C asks nothing
        "--ServerApp.ip=127.0.0.1",  # has one address; "localhost" has two
        "--LabApp.log_level=ERROR",
        "--ServerApp.log_level=ERROR",  # a tab left open by the last server asks for its kernels: a warning for each
    ]
    if zmq.has("curve"):  # else each kernel warns that somebody could listen in between it and the server
        words.append("--KernelManager.transport_encryption=auto")
    if not browser:
        words.append("--no-browser")
    if port is not None:
        words.append(f"--ServerApp.port={port}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # a container; JupyterLab refuses otherwise
        words.append("--allow-root")
    return words


def environment(folder):
    """The environment of JupyterLab on a folder: the course's settings (no news, save every 10 s) before the user's.

    Kernels run `lessons/__init__.py` first, so a NameError says what to do before any cell was run; but a learner's own
    PYTHONSTARTUP stays.
    """
    own = {
        "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, [str(SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH")])),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / ".jupyterlab"),  # which tabs are open: not those of other folders
    }
    return {"PYTHONSTARTUP": str(ROOT / "lessons" / "__init__.py"), **os.environ, **openmp.environment(), **own}


def server_of(folder):
    """What Jupyter has written down of a server on a folder that answers (a dict), or None."""
    from jupyter_server.serverapp import list_running_servers

    for server in list_running_servers():
        try:
            if not os.path.samefile(server["root_dir"], folder):
                continue
            # The file may have outlived its server, and its process number may be another program's by now.
            socket.create_connection((server["hostname"], server["port"]), timeout=2).close()
        except OSError:
            continue
        return server
    return None
