"""The search of the site: it leads to sections, shows the words that were found, and gives no answer away."""

import json
import shutil

import pytest

from course_utils.files import ROOT
from tools import site
from tools.publishing import boxes
from tools.website import site_search

LESSON = """\
# 1.3 · Energy

Words before the first heading.

## 1. Half the price

{asked}

```python
price = 4.6
```

{answered}

A word after the answer: picojoule.

<details><summary>Hint</summary>

Multiply by seven.

</details>

### How much?

A cup of tea.
"""


@pytest.fixture(scope="module")
def found():
    """The sections of a page with a question and its answer, as the build writes them."""
    text = LESSON.format(
        asked=boxes.put("**Predict.** How much does it save?"),
        answered=boxes.put("**It saves less than half a per cent.** The fetch is dear.\n\n- `x = 1`", [boxes.ANSWER]),
    )
    return sections_of("elsewhere", text)


def sections_of(name, text):
    from docutils.core import publish_doctree
    from myst_parser.docutils_ import Parser

    tree = publish_doctree(text, parser=Parser(), settings_overrides={"doctitle_xform": False, "report_level": 5})
    return site_search.sections(name, tree)


@pytest.fixture
def results(tmp_path, page, found):
    """Function from a query to the texts of its results, on a page from the disk."""
    for file, name in (("website/assets/minisearch/index.js", "minisearch.js"), (None, "search.js")):
        source = ROOT / "tools" / file if file else site.TEMPLATE / "static" / name
        shutil.copyfile(source, tmp_path / name)
    (tmp_path / "sections.js").write_text(f"const SECTIONS = {json.dumps(found)};", encoding="utf-8")
    scripts = "".join(f'<script src="{name}.js"></script>' for name in ("minisearch", "sections", "search"))
    (tmp_path / "search.html").write_text(
        f'<!doctype html><meta charset="utf-8"><div id="search-results"></div>{scripts}', encoding="utf-8"
    )

    def ask(query):
        page.goto(f"{(tmp_path / 'search.html').as_uri()}?q={query}", wait_until="load")
        assert page.locator("#search-results > p").count() == 1
        return page.locator("#search-results li").all_inner_texts()

    return ask


@pytest.mark.slow
def test_a_result_shows_the_words_and_a_word_half_typed_is_found(results, page):
    assert "picojoule" in results("picojoule")[0]
    assert page.locator("mark").all_inner_texts() == ["picojoule"]
    assert page.locator("li a").get_attribute("href").startswith("elsewhere.html#")
    assert "picojoule" in results("picoj")[0] and "picojoule" in results("picojuole")[0]
    assert results("quaternion") == []


@pytest.mark.slow
@pytest.mark.parametrize("query", ["less than half a per cent", "dear", "seven", "save", "price"])
def test_no_result_gives_the_answer_away(results, query):
    texts = results(query)
    assert texts and not any("dear" in text or "less than" in text or "seven" in text for text in texts)
    if query in ("dear", "seven"):  # stands in nothing else
        assert any("part that is closed" in text for text in texts)
