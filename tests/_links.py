"""Finds the links of a Markdown text and says which lead nowhere."""

import html
import re
from pathlib import Path
from urllib.parse import unquote

FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.M | re.S)
INLINE_CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)>\s]*)>?(?:\s+[\"'][^)]*[\"'])?\s*\)")
REFERENCE = re.compile(r"^\s{0,3}\[[^\]^]+\]:\s*<?(\S+?)>?\s*$", re.M)
ATTRIBUTE = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=[\"']([^\"']+)[\"']", re.I)
ANCHOR = re.compile(r"<[^>]+\b(?:id|name)=[\"']([^\"']+)[\"']|^\(([\w-]+)\)=\s*$", re.M)
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$", re.M)
ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.I)


def targets(text):
    """List the targets of links and pictures in a Markdown text; code is not looked at."""
    bare = INLINE_CODE.sub("``", FENCE.sub("", text))
    return [html.unescape(found) for pattern in (LINK, REFERENCE, ATTRIBUTE) for found in pattern.findall(bare)]


def anchors(text):
    """Anchors of a Markdown text: its headings as GitHub and Jupyter spell them, and explicit ids."""
    bare = FENCE.sub("", text)
    found, seen = {a or b for a, b in ANCHOR.findall(bare)}, {}
    for heading in HEADING.findall(bare):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
        seen[slug] = seen.get(slug, 0) + 1
        found.add(re.sub(r"[`*]", "", plain).replace(" ", "-"))
    return found


def broken(text, folder, *, read=lambda path: Path(path).read_text(encoding="utf-8"), root=None):
    """List the links of `text` that lead nowhere.

    Args:
        text: Markdown.
        folder: where relative links start.
        read: gives the Markdown of a file whose anchors are asked for.
        root: a link may not leave this folder.
    """
    faults = []
    for target in targets(text):
        if ELSEWHERE.match(target):
            continue
        name, _, anchor = target.partition("#")
        path = (Path(folder) / unquote(name)).resolve()
        if name.startswith("/") or (root and name and not path.is_relative_to(Path(root).resolve())):
            faults.append(f"{target}: leaves the repository; link to a file in it, or to a web address")
        elif name and not path.exists():
            faults.append(f"{target}: no such file")
        elif anchor and (not name or path.suffix in (".md", ".ipynb")):
            if unquote(anchor) not in anchors(read(path) if name else text):
                faults.append(f"{target}: no heading or anchor of that name")
        elif not target:
            faults.append("a link without a target")
    return faults
