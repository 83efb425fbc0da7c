"""Figures that follow each other: frames of a thought, or the values of something that a slider sets.

The output is text/html, a list of figures, with image/png (all frames in one picture) and text/plain beside it for
viewers that show no HTML:

    <div class="course-frames" data-frames="5">
      <figure><figcaption>bits = 8</figcaption><img alt="..." src="data:image/svg+xml;base64,..."></figure> ...
      <script>...</script>
    </div>

Where no script runs (GitHub, a notebook that is not trusted) all figures show. Pictures are <img> for that reason: a
viewer that cleans HTML takes away <svg>, and the figure with it. Where scripts run, one frame shows, under a slider or
two buttons, and the SVG stands in the page itself, in the page's font. The root then has the number of the frame, from
0, in `data-frame`, and goes to another at an event, so that slides take a frame at a click:

    root.dispatchEvent(new CustomEvent("course-frame", {detail: 2}))
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from course_utils.pictures import PIXELS, base64_text, described, png, svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STRIP_WIDTH = 900  # pixels: small frames stand side by side in it, a figure of 12 inches alone
GAP = 16
LABEL = 18  # pixels, of the words over a frame in the strip
# Each output has the script, which leaves alone what another has done; the braces keep its names from the page.
# `lmSuppressShortcuts` keeps the arrow keys from JupyterLab, which would go to another cell.
SCRIPT = """{
for (const root of document.querySelectorAll('.course-frames:not([data-frame])')) {
  const frames = [...root.querySelectorAll('figure')], name = root.dataset.slider, last = frames.length - 1;
  const make = (kind, given, label) => {
    const made = Object.assign(document.createElement(kind), given);
    if (label) made.setAttribute('aria-label', label);
    made.dataset.lmSuppressShortcuts = true;
    made.style.font = 'inherit';
    return made;
  };
  for (const image of root.querySelectorAll('img[src*="svg"]')) {
    const text = atob(image.src.split(',')[1]);
    const drawing = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
    drawing.setAttribute('role', 'img');
    drawing.setAttribute('aria-label', image.alt);
    drawing.setAttribute('style', image.getAttribute('style'));
    image.replaceWith(drawing);
  }
  const bar = make('div', {className: 'course-frames-bar'}), said = make('output');
  bar.style.cssText = 'display:flex;gap:12px;align-items:center;margin:4px 0';
  const range = make('input', {type: 'range', min: 0, max: last, oninput: () => show(+range.value)}, name);
  range.style.width = '16em';
  const step = (textContent, label, by) =>
    make('button', {textContent, onclick: () => show(+root.dataset.frame + by)}, label);
  const show = number => {
    const at = Math.max(0, Math.min(last, number)), text = frames[at].querySelector('figcaption').textContent;
    frames.forEach((frame, k) => { frame.style.display = k === at ? 'block' : 'none'; });
    root.dataset.frame = range.value = at;
    said.textContent = text;
    range.setAttribute('aria-valuetext', text);
  };
  if (name) bar.append(range, said);
  else {
    said.setAttribute('aria-live', 'polite');
    bar.append(step('←', 'previous frame', -1), step('→', 'next frame', 1), said);
  }
  root.style.display = 'block';
  for (const frame of frames) {
    frame.style.width = 'auto';
    frame.querySelector('figcaption').style.display = 'none';
  }
  root.prepend(bar);
  root.addEventListener('course-frame', event => show(event.detail));
  show(0);
}
}"""


def bundle(
    figures: Sequence[Figure], *, alts: str | Sequence[str], slider: str | None, values: Sequence[object] | None
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """The data and the metadata of the output of several figures.

    Args:
        figures: two or more, of one size.
        alts: one text for all, or one each.
        slider: what changes, or None.
        values: with `slider`: one each.
    Raises:
        ValueError: as `plots.show` says.
    """
    labels = _labels(figures, slider, values)
    alts = [f"{alts} ({label})" for label in labels] if isinstance(alts, str) and described(alts) else list(alts)
    if len(alts) != len(figures):
        raise ValueError(f"{len(alts)} alt texts for {len(figures)} frames: give one text for all, or one each")
    alts = [described(alt) for alt in alts]
    told = [f"{label}: {alt}" for label, alt in zip(labels, alts, strict=True)]
    data = {
        "text/html": _html(figures, alts, labels, slider),
        "image/png": base64_text(_strip(figures, labels)),
        "text/plain": f"Figure in {len(figures)} frames.\n" + "\n".join(told),
    }
    return data, {"image/png": {"alt": f"{len(figures)} frames. " + " ".join(told)}}


def _labels(figures: Sequence[Figure], slider: str | None, values: Sequence[object] | None) -> list[str]:
    """The words over each frame; refuses what makes no series."""
    if len(figures) < 2:
        raise ValueError(f"{len(figures)} frames: frames are two or more; show a single figure without a list")
    if len({id(fig) for fig in figures}) < len(figures):
        raise ValueError("the same figure twice: draw a new one for each frame")
    sizes = [tuple(float(inches) for inches in fig.get_size_inches()) for fig in figures]
    if len(set(sizes)) > 1:
        raise ValueError(f"frames have one size, got {sizes} inches")
    if (slider is None) != (values is None):
        raise ValueError("a slider needs both: slider= says what changes, values= its value in each frame")
    if values is None:
        return [f"{number} of {len(figures)}" for number in range(1, len(figures) + 1)]
    if len(values) != len(figures):
        raise ValueError(f"{len(values)} values for {len(figures)} frames")
    return [f"{slider} = {value}" for value in values]


def _html(figures: Sequence[Figure], alts: Sequence[str], labels: Sequence[str], slider: str | None) -> str:
    share = 100 // _columns(figures) - 1
    parts = []
    for fig, alt, label in zip(figures, alts, labels, strict=True):
        picture = png(fig)  # drawn first: `svg` asks for a figure whose ticks are there
        drawn = svg(fig, name=f"{label}: {alt}")
        kind, content = ("svg+xml", drawn) if drawn else ("png", picture)
        parts.append(
            f'<figure style="margin:0;width:{share}%"><figcaption>{escape(label)}</figcaption>'
            f'<img style="max-width:100%;height:auto" alt="{escape(alt)}" '
            f'src="data:image/{kind};base64,{base64_text(content)}"></figure>'
        )
    named = f' data-slider="{escape(slider)}"' if slider else ""
    root = (
        f'<div class="course-frames" data-frames="{len(figures)}"{named} style="display:flex;flex-wrap:wrap;gap:8px">'
    )
    script = " ".join(map(str.strip, SCRIPT.splitlines()))
    return f"{root}{''.join(parts)}<script>{script}</script></div>"


def _columns(figures: Sequence[Figure]) -> int:
    """How many frames stand side by side where all are shown: as many as can be read."""
    wide = figures[0].get_figwidth() * PIXELS
    return min(len(figures), max(1, int((STRIP_WIDTH + GAP) // (wide + GAP))))


def _strip(figures: Sequence[Figure], labels: Sequence[str]) -> bytes:
    """All frames in one PNG, each under its label, in rows of `_columns`."""
    from matplotlib.font_manager import findfont
    from PIL import Image, ImageDraw, ImageFont

    columns = _columns(figures)
    pictures = [Image.open(io.BytesIO(png(fig, dpi=PIXELS))).convert("RGB") for fig in figures]
    width, height = pictures[0].width + GAP, pictures[0].height + LABEL + 2 * GAP
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * width - GAP, rows * height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.truetype(findfont("DejaVu Sans"), LABEL)
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        x, y = number % columns * width, number // columns * height
        pen.text((x, y), label, fill="black", font=font)
        sheet.paste(picture, (x, y + LABEL + GAP // 2))
    small = io.BytesIO()
    sheet.quantize(256, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    return small.getvalue()
