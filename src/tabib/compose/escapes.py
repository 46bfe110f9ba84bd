"""Escapes in double quotes, in which go-yaml and PyYAML's parser differ by two characters.

``\\'`` is a quote to Compose and an error to PyYAML; ``\\/`` is an error to Compose (it came with
YAML 1.2) and a slash to PyYAML.
"""

from __future__ import annotations

from typing import Any

_MAX_READ = 4 << 20
"""Characters read anew for the sake of such quotes: beyond, PyYAML's error stands."""


def corrected(text: str) -> str:
    """``text`` with each ``\\'`` of a double-quoted scalar written so that PyYAML reads it."""
    if "\\'" not in text:
        return text
    import yaml

    left = max(_MAX_READ, len(text))
    while left >= len(text):
        left -= len(text)
        try:
            for _ in yaml.parse(text, Loader=yaml.CSafeLoader):
                pass
        except yaml.MarkedYAMLError as error:
            at = error.problem_mark.index if error.problem_mark else 0
            if "unknown escape" not in (error.problem or "") or text[at : at + 2] != "\\'":
                return text
            text = f"{text[:at]}\\x27{text[at + 2 :]}"
        except yaml.YAMLError:
            return text
        else:
            return text
    return text


def is_refused(text: str, event: Any) -> bool:
    """Whether a double-quoted scalar holds an escape that only PyYAML knows."""
    written = text[event.start_mark.index : event.end_mark.index]
    return "\\/" in written.replace("\\\\", "")
