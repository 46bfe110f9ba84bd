"""The few lines of shell that run beside restic in a helper, as busybox and Debian have it."""

from __future__ import annotations

import shlex

NOT_EMPTY = 97
NOT_UNPACKED = 98
NO_INPUT = 96
GO = b"\n"

_REFUSE_FULL = '[ -z "$(ls -A {at} | grep -vx lost+found)" ] || exit {code}; '
_SYNC = "sync -f {at} 2>/dev/null || sync; "


_SKELETON = "data|index|keys|locks|snapshots|lost\\+found|config-tmp-.*"
_DROP_HALF_MADE = (
    'if [ ! -e {at}/config ] && [ -z "$(ls -A {at} | grep -vxE {skeleton})" ] && '
    '[ -z "$(find {at}/data {at}/index {at}/snapshots ! -type d 2>/dev/null | head -n 1)" ]; then '
    "rm -rf {at}/data {at}/index {at}/keys {at}/locks {at}/snapshots {at}/config-tmp-*; fi; "
)


def init_folder(folder: str) -> str:
    """Make a repository where there is nothing at all, or only what an ``init`` left that was cut
    off: restic writes the configuration last, and a key without it opens nothing."""
    at = shlex.quote(folder)
    half_made = _DROP_HALF_MADE.format(at=at, skeleton=shlex.quote(_SKELETON))
    return half_made + _empty(folder) + 'exec "$@"'


def once_it_comes() -> str:
    """Begin restic when a line has come; what comes after that line is its input. So its container
    is there before the first byte is, and an input in which there is nothing is no snapshot."""
    begin = f'read -r go || {{ echo "there is nothing to store" >&2; exit {NO_INPUT}; }}; '
    return "trap 'exit 130' INT TERM; " + begin + 'trap - INT TERM; exec "$@"'


WHOLE = b"\n--tabib-whole"
"""What follows an input that ended well."""
_MARK = WHOLE.decode().strip()
_GIVE = (
    "cd {at} && cat input >whole; "
    f'[ "$(tail -c {len(_MARK)} whole)" = "{_MARK}" ] || exit {NO_INPUT}; '
    f"exec head -c -{len(WHOLE)} whole"
)


def ahead_of_it(folder: str = "/tmp") -> str:
    """Begin restic, which is the arguments but for the last ones, before its input has come: it has
    the repository open by then. Only what ends with :data:`WHOLE` is stored: an input that breaks
    off is no snapshot. restic gives no input to a command that it runs: a named pipe brings it."""
    at = shlex.quote(folder)
    bring = f"mkfifo {at}/input && exec 3<&0 && {{ cat <&3 >{at}/input 3<&- & }} && "
    give = shlex.quote(_GIVE.format(at=at))
    return bring + f'exec "$@" --stdin-from-command -- sh -c {give} 3<&- </dev/null'


def restore(folder: str) -> str:
    """Run restic on an empty target; what it wrote is on the disk when it ends."""
    return _empty(folder) + '"$@"; code=$?; ' + _on_disk(folder) + "exit $code"


def unpack(folder: str, inner: str = "") -> str:
    """Pipe what restic gives into tar, and tell whose failure it was. ``inner``: where in the empty
    folder it is unpacked."""
    root = folder
    folder = f"{folder.rstrip('/')}/{inner.strip('/')}" if inner else folder
    at = shlex.quote(folder)
    return (
        _empty(root)
        + (f"mkdir -p {at} || exit {NOT_UNPACKED}; " if inner else "")
        + "exec 3>&1; "
        + 'code=$({ { "$@" 3>&- 4>&-; echo $? >&4; } | '
        + f"tar -x -p --numeric-owner -f - -C {at} >&3 4>&-; echo $? >&4; }} 4>&1); "
        + "set -- $code; "
        + _on_disk(folder)
        + '[ "$1" = 0 ] || exit "$1"; '
        + f'[ "$2" = 0 ] || exit {NOT_UNPACKED}; exit 0'
    )


def _empty(folder: str) -> str:
    return _REFUSE_FULL.format(at=shlex.quote(folder), code=NOT_EMPTY)


def _on_disk(folder: str) -> str:
    return _SYNC.format(at=shlex.quote(folder))
