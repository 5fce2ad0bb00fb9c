"""How the documentation is built. `make docs` runs it strictly: a warning fails the build.

The source is the whole repository, so that the README of each folder is a page and its links are checked.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "toolgate"
root_doc = "docs/index"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxcontrib.mermaid",
    "site_extension",
]

include_patterns = ["README.md", "*/*.md", "*/**/*.md"]
exclude_patterns = [
    ".*",  # .venv, caches
    "build",
    "dist",
    "site",
    "toolgate/demo/billing",  # links to folders that are read where they lie
    "toolgate/processors",
    "toolgate/schemas",
    "toolgate/streams",
]

# What lies below a page in the navigation. Said here, so that the pages stay plain Markdown.
navigation_below = {
    "docs/decisions/README": ["*"],
    "docs/folders": ["../[!de]*/README", "../[!de]*/*/README"],  # docs and examples have their own
    "docs/reference/README": ["*", "api/README"],
    "docs/reference/api/README": ["*"],
    "examples/README": ["*/README"],
    "ops/runbooks/README": ["*"],
}

nitpicky = True  # a reference that leads nowhere is a warning, and a warning fails the build
default_role = "code"  # single backticks in docstrings, as everywhere else
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]

autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"

html_theme = "furo"
html_title = "toolgate"
html_copy_source = False
html_show_copyright = False
