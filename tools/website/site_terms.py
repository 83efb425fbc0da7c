"""Links from the words of a page to the glossary: each of its terms once, where the prose first uses it."""

import html
import re

from course_utils import syllabus
from course_utils.files import slug
from tools.publishing import course, pages

# Words of every day, too: linked where a lesson explains them or builds on the one that does, and nowhere else.
EVERYDAY = {
    *("activation", "audit", "baseline", "buffer", "cache", "channel", "claim", "config", "context", "density"),
    *("draft", "engine", "fold", "fuse", "group", "head", "hook", "level", "mask", "merging", "outlier", "parameter"),
    *("range", "ratio", "ridge", "runtime", "scale", "shortcut", "spread", "stub", "surgery", "symmetric"),
    *("temperature", "token", "structured", "eager", "ledger", "observer", "overflow", "interleaved", "liveness"),
}
SPELLED = {"bandwidth, peak": ["peak bandwidth"], "norm (L1, L2)": ["L1 norm", "L2 norm"]}
# What is no prose: fenced blocks, comments, formulas, code, pictures and links, tags, addresses, headings, tables,
# fences of boxes, bold words that open a box or that go on as another word, words in italics that are a title.
NOT_PROSE = re.compile(
    r"^(?P<fence>```+|~~~+).*?^(?P=fence)\s*$|<!--.*?-->|\$\$.*?\$\$|(?<![\\$])\$[^$\n]+(?:\n[^$\n]+)?\$"
    r"|(?P<tick>`+)[^`].*?(?P=tick)|!?\[(?:[^\[\]]|\[[^\]]*\])*\](?:\([^)]*\)|\[[^\]]*\])|<summary>.*?</summary>"
    r"|<[a-zA-Z/][^>]*>|https?://\S+|^\s*#{1,6} .*?$|^\s*\|.*?$|^:::.*?$"
    r"|\*\*(?:Predict|What you saw)[^*]*\*\*|\*\*[^*\n]+\*\*(?=\w)"
    r"|(?<![*\w])\*(?![*\s])(?:[^*]+\s[^*]+\s[^*]+\*(?!\*)|[^*]+\*(?=\w))",
    re.M | re.S,
)


def anchor(term):
    """The id of a term's entry on the glossary's page."""
    return f"term-{slug(term)}"


def anchored(text):
    """The glossary as a page of the site: each entry can be linked."""
    return pages.TERM.sub(lambda match: f'<span id="{anchor(match["term"])}"></span>{match[0]}', text)


def forms(term):
    """The spellings under which a term stands in a text: "global, local pruning" is "global pruning" and the other."""
    if term in SPELLED:
        return SPELLED[term]
    parts = term.split(", ")
    ends = parts[-1].split(" ", 1)
    if len(parts) == 2 and " " not in parts[0] and len(ends) == 2:
        parts[0] += f" {ends[1]}"
    return parts


class Linker:
    """Links the terms of a page's prose, each one where it first stands.

    Attributes: linked (the terms that have their link).
    """

    def __init__(self, lesson, glossary):
        """Read the entries that the page of a lesson may link; `glossary` is the text of docs/glossary.md."""
        known = {name: set(course.front_matter(one).get("terms", [])) for name, one in syllabus.lessons().items()}
        taught = known[lesson.name].union(*(known[name] for name in course.needed(lesson)))
        self.linked, self._term, self._said = set(), {}, {}
        for match in pages.TERM.finditer(glossary):
            term = match["term"]
            self._said[term] = _plain(match["text"])
            for form in forms(term):
                if form not in EVERYDAY or term in taught:
                    self._term[_key(form)] = term
        longest = sorted(self._term, key=len, reverse=True)
        spelled = "|".join(_pattern(form) for form in longest)
        self._pattern = re.compile(rf"(?<![\w/.-])(?P<form>{spelled})(?P<plural>s?)(?![\w/]|[-.]\w)")

    def link(self, text, page="../glossary.html"):
        """The text with its links; `page` is where they lead from the page of the lesson."""
        parts, begin = [], 0
        for match in NOT_PROSE.finditer(text):
            parts += [self._pattern.sub(lambda found: self._one(found, page), text[begin : match.start()]), match[0]]
            begin = match.end()
        return "".join([*parts, self._pattern.sub(lambda found: self._one(found, page), text[begin:])])

    def _one(self, found, page):
        term = self._term[_key(re.sub(r"\s+", " ", found["form"]))]
        if term in self.linked:
            return found[0]
        self.linked.add(term)
        said = html.escape(self._said[term])
        return f'<a class="course-term" href="{page}#{anchor(term)}" title="{said}">{found[0]}</a>'


def _key(form):
    """Spellings that differ in the first letter alone are one; the rest of a name such as LoRA counts."""
    return form[0].lower() + form[1:]


def _pattern(form):
    first = form[0]
    rest = re.escape(form[1:]).replace(r"\ ", r"(?: |\n)")
    return (f"[{first.lower()}{first.upper()}]" if first.isalpha() else re.escape(first)) + rest


def _plain(text):
    """What an entry says, without Markdown, up to 160 letters."""
    bare = pages.INTRODUCED.sub("", text.strip())
    bare = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", bare).replace("*", "").replace("`", "").replace("$", "")
    bare = re.sub(r"^(?:\([^)]*\))?\s*:\s*", "", " ".join(bare.split()))
    return bare if len(bare) <= 160 else bare[:157].rsplit(" ", 1)[0] + " …"
