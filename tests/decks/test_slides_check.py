"""What the check of slides finds: a fault planted on a slide is named there."""

import re

import pytest
from _decks import PIXEL, code, figure, markdown, notebook, printed, result

from tools import slides
from tools.decks import deck as _deck

pytestmark = pytest.mark.slow


WIDE_TABLE = "|" + " measured_latency |" * 9 + "\n|" + "---|" * 9 + "\n|" + " 1 |" * 9


def test_long_lines_of_code_and_output_are_wrapped(page, tmp_path):
    long = notebook(code("x = '" + "y" * 130 + "'", printed("word " * 40 + "\n")))
    assert _deck.look(page, slides.write(long, tmp_path / "long.html")).faults == []


FAULTS = {
    "wide table": (markdown(WIDE_TABLE), r"<t\w+> .* too wide"),
    "hidden in a scroll box": (
        code(
            "1", result({"text/html": "<div style='overflow:auto;width:300px'><p style='width:900px'>wide</p></div>"})
        ),
        r"too wide .*scroll box",
    ),
    "long word": (markdown("y" * 200), r"<p> .* too wide"),
    "tall list": (markdown("\n".join(f"- point {n}" for n in range(25))), r"point 24.* too tall"),
    "tall fragment": (markdown("\n\n".join("paragraph" for n in range(25)), "fragment"), r"too tall"),
    "tall hint": (markdown("<details>" + "<p>step</p>" * 14 + "</details>" + "<p>below</p>" * 14), "too tall"),
    "tall output": (code("1", printed("line\n" * 40)), r"too tall"),
    "figure under too much code": (code("x = 1\n" * 3, figure(height=9)), r"figure shrunk to \d\d %"),
    "remote image": (markdown("![a picture](https://example.org/a.png)"), "network for https://example.org/a.png"),
    "remote script": (markdown("<script src='https://example.org/a.js'></script>x"), "network for https://example.org"),
    "missing file": (markdown("![a picture](nowhere.png)"), "file is missing: nowhere.png"),
    "no alt": (code("1", figure(alt=None)), "image without alt text"),
    "blank alt": (markdown(f'<img src="{PIXEL}" alt=" ">'), "image without alt"),
    "no alt in text": (markdown(f'<img src="{PIXEL}">'), "image without alt"),
    "broken formula": (markdown(r"It is $\frac{1$."), "formula not rendered"),
    "unknown macro": (markdown(r"It is $\nosuchmacro$."), "formula not rendered: .*nosuchmacro"),
    "formula left as text": (markdown('<p class="mathjax_ignore">It is $x^2$.</p>'), "not rendered: It is"),
    "small text": (markdown('<p style="font-size: 11px">fine print</p>'), "11px is too small"),
    "empty slide": (code("", kind="slide", jupyter={"source_hidden": True}), "nothing is on it"),
    "script error": (markdown("<script>nosuchfunction()</script>x"), "error of a script"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_on_its_slide(page, tmp_path, fault):
    cell, said = FAULTS[fault]
    deck = slides.write(notebook(markdown("# Title"), cell), tmp_path / "3.7_bits.html")
    found = _deck.look(page, deck).faults
    assert any(re.search(said, line) for line in found), found
    number = 1 if fault == "tall fragment" else 2
    assert not any(re.match(r"slide (\d+)", line) and f"slide {number}:" not in line for line in found), found
