"""Images that leave one memory engine and enter another."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from tabib.engines.memory.records import ImageRecord
from tabib.engines.memory.world import World
from tabib.model.errors import EngineError, NotFound


def exported(world: World, reference: str) -> bytes:
    """:raises NotFound: there is no such image."""
    image = world.image(reference)
    if image is None:
        raise NotFound("no such image", attempted="export image", target=reference)
    return msgspec.json.encode({"reference": reference, "image": image})


async def load(world: World, chunks: AsyncIterator[bytes]) -> None:
    """:raises EngineError: it is no archive of an image."""
    text = b"".join([chunk async for chunk in chunks])
    try:
        found = msgspec.json.decode(text)
        image = msgspec.convert(found["image"], ImageRecord)
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError) as error:
        raise EngineError("it is no archive of an image", attempted="load image") from error
    kept = world.images.setdefault(image.id, image)
    kept.tags.add(str(found["reference"]))
