"""Reports as HTML: one file, no script, nothing from elsewhere, readable on paper and aloud.

The page forbids itself everything but its own style (a content security policy by the style's
hash), so that not even a mistake in escaping could fetch or run anything.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from tabib.decide.charts.svg import STYLE
from tabib.decide.reports.incident import Page
from tabib.decide.reports.summary import Summary
from tabib.decide.reports.tables import headline, tables
from tabib.decide.reports.text import spans
from tabib.decide.reports.words import moment, stamp

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

HEADER = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""The policy for whoever serves a report: the page's own is stricter."""


def incident_html(page: Page) -> str:
    """The report of an incident."""
    return _render("incident.html", page=page)


def summary_html(summary: Summary) -> str:
    """The report of a project's days."""
    return _render("summary.html", page=summary)


def _render(name: str, **values: object) -> str:
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    text = _templates().get_template(name).render(style=style, style_hash=digest, **values)
    # A lone surrogate cannot be written as UTF-8; the texts have none, this is for the rest.
    return text.encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=1)
def _style() -> str:
    return "\n" + _read("style.css") + STYLE + "\n"


@lru_cache(maxsize=1)
def _templates() -> Environment:
    # Imported when the first report is made: 45 ms that neither daemon nor command pays otherwise.
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["stamp"] = stamp
    made.filters["moment"] = moment
    made.filters["headline"] = headline
    made.filters["tables"] = tables
    made.filters["spans"] = _spans
    return made


def _spans(text: str) -> Markup:
    """Words in backticks as code; all of it escaped."""
    from markupsafe import Markup

    parts = [
        Markup("<code>{}</code>" if is_code else "{}").format(part) for part, is_code in spans(text)
    ]
    return Markup("").join(parts)


def _read(name: str) -> str:
    return files("tabib.decide.reports").joinpath("templates", name).read_text("utf-8")
