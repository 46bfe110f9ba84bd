"""Named values with defaults that cost nothing to define."""

from __future__ import annotations

from typing import Any, dataclass_transform


@dataclass_transform(kw_only_default=True)
class Record:
    """What a keyword-only dataclass is, for what every command imports and few compare.

    A dataclass writes and compiles its methods at each start of the program, 0.5 to 1.5 ms for
    one with a dozen fields. Defaults are attributes of the class, and must not be changed in place.
    """

    def __init__(self, **values: Any) -> None:
        """:raises TypeError: a name that no field has; one left out is seen by mypy alone."""
        unknown = values.keys() - type(self).__annotations__.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        self.__dict__.update(values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.__dict__})"
