"""Opens every page of the site in a browser that is already installed, without a network, and names its faults."""

from urllib.parse import unquote, urldefrag, urlparse

from tools.decks import deck
from tools.publishing import lessons as _lessons
from tools.website.site_lessons import alt_of

KINDS = (
    "index.html",
    "lessons/{lesson}.html",
    "claims.html",
    "api/course_utils.files.html",
    "glossary.html",
    "search.html",
)
SERIOUS = ("serious", "critical")
LOOK = """() => ({
    links: [...document.querySelectorAll("a[href]")].map(a => new URL(a.getAttribute("href"), location).href),
    ids: [...document.querySelectorAll("[id]")].map(e => e.id),
    alts: [...document.querySelectorAll("main [role=img]:not([aria-hidden=true], [title]), main img")]
        .map(e => e.getAttribute("aria-label") || e.alt || ""),
    raw: [...document.querySelectorAll("main mjx-merror, main .math:not(:has(mjx-container))")].map(e => e.textContent),
    tight: [...document.querySelectorAll("main table:not(.indextable) tr")].filter(row => {
        const words = [...row.cells].map(cell => {
            const range = document.createRange();
            range.selectNodeContents(cell);
            return range.getBoundingClientRect();
        }).filter(box => box.width);
        return words.slice(1).some((box, n) => box.left - words[n].right < 5);
    }).map(row => row.innerText),
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})"""


def report(site):
    """Print the faults of a built site; returns 1 when there are any."""
    try:
        with deck.browser() as page:
            faults = check(page, site, _lessons.select([]))
    except deck.NoBrowser as reason:
        print(f"Not run: {reason}")
        return 1
    print(*faults, f"{len(list(pages(site)))} pages, {len(faults)} faults", sep="\n")
    return 1 if faults else 0


def pages(site):
    """The pages of a site, decks left out: they have a check of their own."""
    return [
        path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] not in ("slides", "_static")
    ]


def check(page, site, lessons):
    """Open every page; list what is wrong, one text a fault.

    Args:
        page: of `deck.browser`.
        site: folder of a built site.
        lessons: whose pages it has.

    A fault is a request that leaves the machine or fails, an error of a script, a link inside the site that leads
    nowhere, a picture without alt text or with another one than in the notebook, a table whose columns run together, a
    formula that was not set, a page wider than a phone, what axe-core calls serious on a page of each kind in both
    themes, and a search without results.
    """
    seen, faults = {}, []
    for path in pages(site):
        with deck.watch(page) as said:
            page.set_viewport_size({"width": 390, "height": 800})
            page.goto(path.as_uri(), wait_until="load")
            page.wait_for_function("!window.MathJax || !MathJax.startup || MathJax.startup.promise.then(() => true)")
            seen[path] = page.evaluate(LOOK)
            faults += [f"{path.relative_to(site)}: {fault}" for fault in said]
    page.set_viewport_size(deck.SIZE)
    for path, found in seen.items():
        faults += [f"{path.relative_to(site)}: {fault}" for fault in _faults(path, found, seen)]
    for lesson in lessons:
        faults += _alt_faults(lesson, seen[site / "lessons" / f"{lesson.name}.html"]["alts"])
    kinds = [site / kind.format(lesson=lessons[0].name if lessons else "") for kind in KINDS]
    return faults + _accessibility(page, [path for path in kinds if path in seen]) + _search(page, site, seen)


def _faults(path, found, seen):
    for link in sorted(set(found["links"])):
        address, part = urldefrag(link)
        if urlparse(address).scheme != "file":
            continue
        goal = type(path)(unquote(urlparse(address).path))
        if not goal.exists():
            yield f"leads to {address.rpartition('/')[2]}, which is not there"
        elif part and goal in seen and unquote(part) not in seen[goal]["ids"]:
            yield f"leads to #{part} of {goal.name}, which is not there"
    yield from ("a picture has no alt text" for alt in found["alts"] if not alt.strip())
    yield from (f"a formula was not set: {text[:60]}" for text in found["raw"])
    yield from (f"columns of a table run together: {' | '.join(text.split())[:60]}" for text in found["tight"])
    if found["wide"] > 0:
        yield f"wider than a phone by {found['wide']} pixels"


def _alt_faults(lesson, shown):
    """Alt texts of the notebook that the page lacks."""
    nb = _lessons.read_published(lesson.notebook)
    outputs = [output for cell in nb.cells if cell.cell_type == "code" for output in cell.outputs]
    wanted = [alt_of(output) for output in outputs if alt_of(output) and "text/html" not in output.data]
    there = [" ".join(alt.split()) for alt in shown]
    return [
        f"{lesson.name}: the page lacks the alt text {alt[:60]!r}"
        for alt in wanted
        if " ".join(alt.split()) not in there
    ]


def _accessibility(page, paths):
    """What axe-core finds on a page of each kind, in both themes."""
    from axe_playwright_python.sync_playwright import Axe

    faults = []
    for path in paths:
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # a colour half-way is no colour
            page.goto(path.as_uri(), wait_until="load")
            for violation in Axe().run(page).response["violations"]:
                if violation["impact"] in SERIOUS:
                    where = violation["nodes"][0]["html"][:120]
                    count = len(violation["nodes"])
                    faults.append(f"{path.name}, {theme}: {violation['help']} ({count}), such as {where}")
    page.emulate_media(color_scheme="light")
    return faults


def _search(page, site, seen):
    """The search must work from the file system, without a server."""
    if site / "search.html" not in seen:
        return []
    page.goto((site / "search.html").as_uri() + "?q=zero+point", wait_until="load")
    try:
        page.wait_for_selector("#search-results li a", timeout=10_000)
    except Exception as late:
        return [f"search.html: no result for 'zero point': {str(late).splitlines()[0]}"]
    return []
