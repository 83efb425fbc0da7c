"""Sphinx's settings for the site of the course."""

project = html_title = "Resource-efficient deep learning in PyTorch"
author = "the authors of the course"
copyright = "text CC BY 4.0, code MIT"  # as Sphinx names it
extensions = ["myst_nb"]
html_theme = "sphinx_book_theme"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = html_use_index = False
html_show_sourcelink = False
html_show_search_summary = False  # it would fetch the pages, which no page from a disk may
html_context = {"default_mode": "auto"}
html_theme_options = {
    # A header over the page has menu buttons of its own. It is hidden, but the theme's scripts take the first ones.
    "navbar_persistent": [],
    "use_download_button": False,  # its file would be the page's source; a page links its notebook
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "show_navbar_depth": 1,
}
nb_execution_mode = "off"
nb_code_prompt_show, nb_code_prompt_hide = "Show the {type}", "Hide the {type}"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "attrs_block", "attrs_inline"]
myst_heading_anchors = 3
myst_url_schemes = ("http", "https", "mailto")
mathjax_path = "mathjax.js"
mathjax3_config = {"svg": {"fontCache": "local"}}
suppress_warnings = [
    "myst.header",  # a lesson may open with a question before its first section
]
