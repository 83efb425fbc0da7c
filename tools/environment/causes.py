"""Says in plain words why pip or uv failed, and what to do. Standard library only."""

import re

# What stands in their output, and what to say of it; the first that is found counts.
CAUSES = {
    r"Errno 28\]|No space left|WinError 112\]|os error (28|112)\b|not enough space on the disk": (
        "the disk is full. Free space on the disks of the course, of temporary files and of uv's cache (2 GB, or 7 GB "
        "with a GPU on Linux), then start again."
    ),
    r"Errno (13|30)\]|WinError (5|32)\]|Permission denied|Access is denied|Read-only file system|being used by an": (
        "a file or folder cannot be written: another program holds it, or it is not yours. Close JupyterLab and every "
        "Python of the course, then start again. If that does not help, move the course to a folder of your own; "
        "where uv may not keep its cache, set UV_CACHE_DIR to such a folder."
    ),
    r"Long Path support|os error 206\b|filename or extension is too long": (
        r"Windows refuses paths this long. Move the course to a short path such as C:\course, then start again."
    ),
    r"No module named '?pip": (
        "this Python has no pip. Debian and Ubuntu: sudo apt install python3-pip. Elsewhere: python3 -m ensurepip. "
        "Then start again."
    ),
    r"\b407\b|[Pp]roxy [Aa]uth|ProxyError|Cannot connect to proxy|tunnel error": (
        "the proxy of this network does not let it through. Set HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT in the "
        "environment, or remove a wrong one; then start again."
    ),
    r"(?i)certificate.verify.failed|SSL(CertVerification)?Error|invalid peer certificate": (
        "the certificate of the package index is not trusted here; some networks put their own in between. Set "
        "PIP_CERT to your organisation's certificate file (ask who runs the network), check the clock of this "
        "machine, then start again."
    ),
    r"\(from versions: (?!none)|not a supported wheel|[Rr]equires? a different [Pp]ython|does not satisfy Python"
    r"|matching (platform|Python implementation|Python ABI|Python version) tag": (
        "a package has no build for this Python on this system. PyTorch needs 64-bit Windows on an Intel or AMD chip "
        "(on ARM: use WSL), macOS 14 or later on an Apple chip with a Python for it (the one from python.org is), or "
        "Linux with glibc 2.28 or later. If this is one, try an older Python among those that the course allows."
    ),
    r"(?i)NewConnectionError|name ?resolution|getaddrinfo failed|name or service not known|nodename nor servname"
    r"|connection ?(refused|reset|error)|RemoteDisconnected|IncompleteRead|incomplete-download|unreachable"
    r"|no route to host|timed? ?out|dns error|error sending request|failed to fetch|network was disabled": (
        "the package index cannot be reached. Check the connection to the internet (a proxy is set with HTTPS_PROXY), "
        "then start again: what was done so far is kept."
    ),
    r"No matching distribution|not found in the package registry|there (is|are) no versions? of": (
        "the package index does not have a package that the course needs. Look at pip's settings (pip config list), "
        "for a mirror may lag behind; then start again."
    ),
}


class Failure(Exception):
    """Set-up cannot go on; the text has the cause and the remedy."""


def explain(output, doing):
    """Turn the output of a failed program into a `Failure`; `doing` says what was being done."""
    for signs, said in CAUSES.items():
        if re.search(signs, output):
            return Failure(f"{doing} failed: {said}")
    last = "\n    ".join([line for line in output.splitlines() if line.strip()][-6:])
    return Failure(f"{doing} failed. The last lines were:\n    {last}\nStart again, or report these lines.")
