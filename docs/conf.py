"""Sphinx configuration; built with ``-n -W``."""

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "ig_sdk"
author = "the ig_sdk contributors"
copyright = "the ig_sdk contributors. Unofficial, not affiliated with IG"
release = importlib.metadata.version("ig-sdk")
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "import_graph",
    "state_diagram",
    "endpoint_table",
    "refusal_tables",
]
exclude_patterns = ["_build", "_ext"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"ig_sdk {release}"

napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Threading", "Source"]
# As a list inside the class: entries of their own would come twice where autodoc finds the attribute too.
napoleon_use_ivar = True

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
toc_object_entries_show_parents = "hide"

nitpick_ignore_regex = [
    # The build is offline, so what lies outside this package cannot be looked up.
    (
        r"py:.*",
        r"(collections|datetime|decimal|enum|logging|os|pathlib|requests|threading|time|types|typing)(\..*)?",
    ),
    (r"py:class", r"random\.Random"),
    (r"py:class", r"(pd|pl)\.DataFrame"),
    (r"py:class", r"CollectorRegistry|Metric"),  # of prometheus_client
    # Private names show up in signatures and have no page.
    (r"py:.*", r"ig_sdk\.(\w+\.)*_\w+(\.\w+)*"),
    # Overloads are shown as they are written, and the names in them are not looked up in their module.
    (r"py:class", r"OnTick|OnEvent|Overflow|PriceEvent|timedelta|Price|ig_sdk\.streaming\.prices\.stream\.Yielded"),
    # So do the parts that ig_sdk hands to its own constructors: no user ever makes one.
    (r"py:class", r"(ig_sdk\.rest\.login\.auth\.)?Auth"),
    (r"py:class", r"ig_sdk\.rest\.(http\.\w+|deals\.dealing|deals\.new|deals\.confirm_reader|prices\.reader)\.\w+"),
    (r"py:class", r"ig_sdk\.lightstreamer\.(tlcp\.\w+|subscription|update_iterator)\.\w+"),
    (r"py:class", r"ig_sdk\.streaming\.(stream|channel|line)\.\w+"),
    (
        r"py:class",
        r"ig_sdk\.simulator\.(broker\.broker|faults|stream|prices\.replay|accounts\.logins|http_server)(\.\w+)+",
    ),
]


def _parsable(_app, _what, _name, _thing, _options, signature, returns):
    # A dataclass shows a default made by a factory as "<factory>", at which Sphinx's parser of signatures gives up.
    return (signature or "").replace("<factory>", "...") or None, returns


def setup(app):
    """Make signatures of dataclasses readable."""
    app.connect("autodoc-process-signature", _parsable)
