"""Broken links are seen, good ones are not complained about."""

import _links
import pytest
from _course import expect_none


@pytest.mark.parametrize(
    "link",
    [
        "[a](none.md)",
        "[a](page.md#none)",
        "[a](#none)",
        "![a](none.png)",
        "[a]()",
        "[a](/etc/hosts)",
        "[a](../../x)",
        "[a]: none.md",
        '<img src="none.png">',
    ],
)
def test_a_broken_link_is_seen(tmp_path, link):
    (tmp_path / "page.md").write_text("# The page\n", encoding="utf-8")
    assert _links.broken(f"# Here\n\n{link}\n", tmp_path, root=tmp_path)


def test_good_links_are_not_complained_about(tmp_path):
    (tmp_path / "a page.md").write_text("# The `first` page: *one*\n(mark)=\n## Again\n## Again\n", encoding="utf-8")
    text = (
        "# Here\n[a](a%20page.md#the-first-page-one) [b](<a page.md>) [c](#here) [d](https://x.org/none.md) "
        "[e](a%20page.md#mark) [f](a%20page.md#again-1) `[g](none.md)`\n```\n[h](none.md)\n```\n"
    )
    assert [t for t in _links.targets(text) if "none.md" in t] == ["https://x.org/none.md"]
    expect_none(_links.broken(text.replace("<a page.md>", "a%20page.md"), tmp_path, root=tmp_path))
