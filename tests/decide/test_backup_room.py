"""Whether a restore fits, by disk."""

from __future__ import annotations

from tabib.decide.backups.room import Need, too_small


def need(disk: int, size: int, free: int, path: str = "/a") -> Need:
    return Need(disk=disk, path=path, bytes=size, free_bytes=free)


def test_a_tenth_more_than_it_takes_must_be_free() -> None:
    assert too_small([need(1, 1000, 1100)]) == []
    (small,) = too_small([need(1, 1000, 1099)])
    assert (small.bytes, small.free_bytes) == (1100, 1099)


def test_what_goes_to_one_disk_is_counted_together() -> None:
    assert too_small([need(1, 1000, 2000), need(2, 1000, 2000, "/b")]) == []
    (small,) = too_small([need(2, 10, 2000, "/b"), need(1, 1000, 2000), need(1, 1000, 2000, "/c")])
    assert (small.path, small.bytes) == ("/a", 2200)
    assert too_small([]) == []
