"""Several figures in one output: the values of something that a slider sets, or the steps of one thought.

The output is text/html, with image/png and text/plain beside it for viewers that show no HTML:

    <div class="course-slider">
      <img alt="..." src="data:image/png;base64,...">
      <script type="application/json">{"src": [...], "alt": [...], "label": [...]}</script>
      <script>...</script>
    </div>

One picture stands there as it is, wherever no script runs (GitHub, a notebook that is not trusted, paper): the first
value of a slider, the last step of a thought. Where scripts run, a range input goes over all of them, without a kernel.
What cleans HTML takes the scripts away whole, and the picture stays.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from course_utils.runtime import quick

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIXELS = 70  # an inch, on a page: 840 for 12 inches, which fits JupyterLab's column
DPI = 140  # of the picture: two of its pixels for one of the page, which stay sharp on a projector
COARSE_DPI = 20  # in a smoke run
MIN_ALT_CHARS = 20
# The braces keep its names from the page. `lmSuppressShortcuts` keeps the arrow keys from JupyterLab.
SCRIPT = """{
for (const root of document.querySelectorAll('.course-slider:not([data-at])')) {
  const given = JSON.parse(root.querySelector('script').textContent), image = root.querySelector('img');
  const bar = document.createElement('label'), said = document.createElement('output');
  const range = Object.assign(document.createElement('input'), {type: 'range', min: 0, max: given.src.length - 1});
  range.dataset.lmSuppressShortcuts = true;
  range.setAttribute('aria-label', given.name);
  bar.style.cssText = 'display:flex;gap:12px;align-items:center;margin:4px 0;max-width:840px;font:inherit';
  range.style.cssText = 'flex:1;min-width:12em;max-width:30em';
  const show = at => {
    root.dataset.at = range.value = at;
    image.src = 'data:image/png;base64,' + given.src[at];
    image.alt = given.alt[at];
    range.setAttribute('aria-valuetext', said.textContent = given.label[at]);
  };
  range.oninput = () => show(+range.value);
  bar.append(range, said);
  root.prepend(bar);
  addEventListener('beforeprint', () => { bar.style.display = 'none'; show(given.still); });
  addEventListener('afterprint', () => { bar.style.display = 'flex'; });
  show(0);
}
}"""


def described(alt: str) -> str:
    """An alt text in one line.

    Raises:
        ValueError: too short to say anything.
    """
    alt = " ".join(alt.split())
    if len(alt) < MIN_ALT_CHARS:
        raise ValueError(f"alt text must say what the figure shows, in {MIN_ALT_CHARS} characters or more; got {alt!r}")
    return alt


def png(fig: Figure) -> str:
    """The figure as a PNG in 256 colours, a third of the bytes, in base64 as a notebook carries it."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    fig.savefig(drawn, format="png", dpi=COARSE_DPI if quick() else DPI)
    Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    return base64.b64encode(small.getvalue()).decode("ascii")


def width(fig: Figure) -> int:
    """Pixels of the page that the figure takes."""
    return round(fig.get_figwidth() * PIXELS)


def bundle(
    figures: Sequence[Figure], *, alts: str | Sequence[str], slider: str | None, values: Sequence[object] | None
) -> tuple[dict[str, str], dict[str, dict[str, object]]]:
    """The data and the metadata of the output of several figures.

    Args:
        figures: two or more, of one size.
        alts: one text for all, or one each.
        slider: what changes, or None for the steps of a thought.
        values: with `slider`: one each.
    Raises:
        ValueError: as `plots.show` says.
    """
    labels = _labels(figures, slider, values)
    alts = [f"{alts} ({label})" for label in labels] if isinstance(alts, str) and described(alts) else list(alts)
    if len(alts) != len(figures):
        raise ValueError(f"{len(alts)} alt texts for {len(figures)} figures: give one text for all, or one each")
    alts, pictures = [described(alt) for alt in alts], [png(fig) for fig in figures]
    still = 0 if slider else len(figures) - 1
    data = {"src": pictures, "alt": alts, "label": labels, "still": still, "name": slider or "step"}
    data = json.dumps(data).replace("</", "<\\/")
    html = (
        f'<div class="course-slider"><img style="max-width:100%;height:auto;width:{width(figures[0])}px" '
        f'alt="{escape(alts[still])}" src="data:image/png;base64,{pictures[still]}">'
        f'<script type="application/json">{data}</script>'
        f"<script>{' '.join(map(str.strip, SCRIPT.splitlines()))}</script></div>"
    )
    alt = f"{labels[still]}: {alts[still]}"
    plain = f"Figure, {len(figures)} states. {alt}"
    return {"text/html": html, "image/png": pictures[still], "text/plain": plain}, {
        "image/png": {"alt": alt, "width": width(figures[0])}
    }


def _labels(figures: Sequence[Figure], slider: str | None, values: Sequence[object] | None) -> list[str]:
    """What is said of each figure; refuses what makes no series."""
    if len(figures) < 2:
        raise ValueError(f"{len(figures)} figures under a slider: give two or more, or a single one without a list")
    if len({id(fig) for fig in figures}) < len(figures):
        raise ValueError("the same figure twice: draw a new one for each state")
    sizes = [tuple(float(inches) for inches in fig.get_size_inches()) for fig in figures]
    if len(set(sizes)) > 1:
        raise ValueError(f"figures under a slider have one size, got {sizes} inches")
    if (slider is None) != (values is None):
        raise ValueError("a slider needs both: slider= says what changes, values= its value in each figure")
    if values is None:
        return [f"{number} of {len(figures)}" for number in range(1, len(figures) + 1)]
    if len(values) != len(figures):
        raise ValueError(f"{len(values)} values for {len(figures)} figures")
    return [f"{slider} = {value}" for value in values]
