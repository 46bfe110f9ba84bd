"""Tests as stories: a coroutine that runs on its house's virtual time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any

from support.site import House

Told = Callable[..., Coroutine[Any, Any, None]]


def story(told: Told) -> Callable[..., None]:
    """The test ``told(house, …)``, run on the house's clock."""

    @functools.wraps(told)
    def test(house: House, *args: Any, **kwargs: Any) -> None:
        house.run(told(house, *args, **kwargs))

    return test
