"""A stream that can be begun again while little of it has passed: a repository that turns out to be
locked has read none of it, though some lies in the pipes."""

from __future__ import annotations

from collections.abc import AsyncIterator

_KEPT = 4 * 1024 * 1024


class Replayed:
    """``whole``: :meth:`again` gives the stream from its beginning. ``ended``: it was read to its
    end."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._kept: list[bytes] = []
        self._size = 0
        self.whole = True
        self.ended = False

    async def again(self) -> AsyncIterator[bytes]:
        for chunk in list(self._kept):
            yield chunk
        if self.ended:
            return
        async for chunk in self._chunks:
            if self.whole:
                self._keep(chunk)
            yield chunk
        self.ended = True

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > _KEPT:
            self.whole = False
            self._kept.clear()
        else:
            self._kept.append(bytes(chunk))
