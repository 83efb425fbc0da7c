"""Sphinx's settings for the site of the course."""

import os
import sys

sys.path.insert(0, os.environ["COURSE_SITE_ROOT"])

project = "Resource-efficient deep learning in PyTorch"
author = "the authors of the course"
copyright = "text CC BY 4.0, code MIT"  # as Sphinx names it
extensions = ["myst_nb", "tools.website.book", "tools.website.site_search"]
exclude_patterns = ["_build"]
html_theme = "sphinx_book_theme"
html_title = "Resource-efficient deep learning in PyTorch"
html_static_path = ["static"]
templates_path = ["templates"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sourcelink = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    # A header over the page has menu buttons of its own. It is hidden, but the theme's scripts take the first ones.
    "navbar_persistent": [],
    "use_download_button": False,  # its file would be the page's source; a page links its notebook
    "use_fullscreen_button": False,
    "show_prev_next": False,  # a page's last section leads on, in the essentials and in the course
    "show_toc_level": 2,
    "show_navbar_depth": 1,
}
nb_execution_mode = "off"
nb_code_prompt_show, nb_code_prompt_hide = "Show the code", "Hide the code"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "attrs_block", "attrs_inline"]
myst_heading_anchors = 3
myst_url_schemes = ("http", "https", "mailto")
epub_show_urls = "no"  # an address in brackets behind each link
epub_css_files = ["book.css"]
epub_exclude_files = ["_static/site.css", "_static/minisearch.LICENSE.txt", "search.xhtml"]
epub_author = author
epub_basename = "resource_efficient_deep_learning"
epub_use_index = False
epub_tocscope = "includehidden"  # the lists of pages are hidden on the site, where the side has them
epub_tocdepth = 2
epub_identifier = epub_uid = "resource-efficient-deep-learning"
epub_contributor = author
epub_description = (
    "Smaller, faster and cheaper neural networks in PyTorch: fewer bits, fewer weights, smaller networks."
)
version = "4"  # of the files' format, as e-readers count it
html_math_renderer = "mathjax"  # the book has another one
mathjax_path = "mathjax.js"
mathjax3_config = {"svg": {"fontCache": "local"}}
suppress_warnings = [
    "myst.header",  # a lesson may open with a question before its first section
]
