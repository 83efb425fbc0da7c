"""Finds a browser that is already installed; the checks of slides and site drive it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
    "microsoft-edge-stable",
)
PLACES = {
    "darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    ),
    "win32": ("Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe"),
}
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")


def find_browser() -> Path | None:
    """Path of an installed Chromium, Chrome or Edge; None when there is none.

    The environment variable ``COURSE_BROWSER``, when set, names the one to use.
    """
    chosen = os.environ.get("COURSE_BROWSER")
    if chosen:
        return Path(chosen) if Path(chosen).is_file() else None
    on_path = (shutil.which(name) for name in NAMES)
    bases = [os.environ[name] for name in WINDOWS_FOLDERS if os.environ.get(name)] if sys.platform == "win32" else ["/"]
    places = (Path(base, place) for place in PLACES.get(sys.platform, ()) for base in bases)
    return next((Path(path) for path in on_path if path), None) or next((p for p in places if p.is_file()), None)
