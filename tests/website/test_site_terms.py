"""Words of a lesson's page lead to the glossary: once, in prose only, the longest term first."""

import re

import pytest

from course_utils import syllabus
from course_utils.files import ROOT
from tools.publishing import lessons, pages
from tools.website import site_lessons, site_terms

GLOSSARY = """\
**pruning**: making weights zero.

**magnitude pruning**: the *smallest* go, with `mask` and a [link](x.md).

**global, local pruning**: one threshold, or one a layer.

**scale**: the step of a grid.

**LoRA**: a bypass of low rank, "quoted" & <small>.

**fp8, e4m3**: a float.
"""


@pytest.fixture
def linked(monkeypatch):
    """Links a text as on the page of a lesson that explains some terms."""

    def link(text, *, terms=()):
        monkeypatch.setattr(site_terms.course, "front_matter", lambda lesson: {"terms": terms})
        monkeypatch.setattr(site_terms.course, "needed", lambda lesson: [])
        linker = site_terms.Linker(syllabus.lessons()["integers"], GLOSSARY)
        return re.sub(
            r'<a class="course-term" href="../glossary.html#([\w-]+)" title="[^"]*">', r"{\1}", linker.link(text)
        )

    return link


def test_the_first_occurrence_is_linked_and_no_other(linked):
    assert linked("Pruning helps. pruning, Pruning.") == "{term-pruning}Pruning</a> helps. pruning, Pruning."


def test_the_longest_term_comes_first_and_a_plural_counts(linked):
    said = linked("Magnitude\npruning and pruning; two LoRAs")
    assert (
        said == "{term-magnitude-pruning}Magnitude\npruning</a> and {term-pruning}pruning</a>; two {term-lora}LoRAs</a>"
    )


def test_a_pair_of_terms_is_found_under_both_names_and_linked_once(linked):
    assert linked("local pruning, global pruning") == "{term-global-local-pruning}local pruning</a>, global pruning"


@pytest.mark.parametrize(
    "text",
    [
        "# Pruning",
        "`pruning`",
        "```\npruning\n```",
        "[pruning](x.md)",
        "![pruning](x.png)",
        "| pruning | 1 |",
        "$pruning$ and $$\npruning\n$$",
        '<span title="pruning">',
        "<!-- pruning -->",
        "https://a.b/pruning",
        "*A study of pruning in networks*, 2019",
        "**What you saw: pruning helps.**",
        "**pruning**ish",
        "torch.nn.utils.pruning, pre-pruning, pruning_method, pruning-aware",
        "lora",
    ],
)
def test_what_is_no_prose_has_no_link(linked, text):
    assert linked(text) == text


def test_a_word_of_every_day_is_linked_only_where_it_is_explained(linked):
    assert linked("on this scale") == "on this scale"
    assert linked("on this scale", terms=["scale"]) == "on this {term-scale}scale</a>"


def test_the_definition_is_shown_as_plain_text():
    linker = site_terms.Linker(syllabus.lessons()["integers"], GLOSSARY)
    assert 'title="a bypass of low rank, &quot;quoted&quot; &amp; &lt;small&gt;."' in linker.link("LoRA")
    assert 'title="the smallest go, with mask and a link."' in linker.link("magnitude pruning")


def test_every_link_has_its_entry_and_every_entry_one_anchor():
    text = (ROOT / pages.GLOSSARY).read_text(encoding="utf-8")
    anchors = re.findall(r'<span id="(term-[\w-]+)"></span>\*\*', site_terms.anchored(text))
    assert len(anchors) == len(set(anchors)) == len(pages.TERM.findall(text))
    lesson = syllabus.lessons()["integers"]
    linker = site_terms.Linker(lesson, text)
    nb = site_lessons.page(lessons.read_published(lesson.notebook), lesson, site_lessons.pages(ROOT), linker)
    said = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    led = re.findall(r'class="course-term" href="\.\./glossary\.html#([\w-]+)"', said)
    assert len(led) == len(set(led)) == len(linker.linked) >= 8 and set(led) <= set(anchors)
    assert {"affine map", "zero point", "clipping"} <= linker.linked
    assert "course-term" not in nb.cells[0].source
