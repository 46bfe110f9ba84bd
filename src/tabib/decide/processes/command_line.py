"""Command lines as people may see them: quoted, redacted, bounded."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

from tabib.decide.redact import Redactor, is_secret_option

COMMAND_BYTES = 4096
_OPTIONS: dict[str, tuple[str, ...]] = {
    "sshpass": ("-p",),
    "redis-cli": ("-a",),
    "valkey-cli": ("-a",),
    "mongo": ("-p",),
    "mongosh": ("-p",),
    "mongodump": ("-p",),
    "mongorestore": ("-p",),
    "curl": ("-u", "-U", "--user", "--proxy-user"),
    "ldapsearch": ("-w",),
    "ldapadd": ("-w",),
    "ldapmodify": ("-w",),
    "mosquitto_pub": ("-P",),
    "mosquitto_sub": ("-P",),
    "sqlcmd": ("-P",),
    "smbclient": ("-U",),
    "htpasswd": ("-b",),
    "openssl": ("-passin", "-passout", "-k", "-K"),
    "cqlsh": ("-p",),
    "clickhouse-client": ("--password",),
}
"""Short options whose argument is a secret, by program."""
_GLUED = {
    "mysql": "-p",
    "mysqldump": "-p",
    "mysqladmin": "-p",
    "mysqlcheck": "-p",
    "mysqlimport": "-p",
    "mysqlshow": "-p",
    "mysqlpump": "-p",
    "mysqlbinlog": "-p",
    "mariadb": "-p",
    "mariadb-dump": "-p",
    "mariadb-admin": "-p",
    "mariadb-check": "-p",
    "mariadb-backup": "-p",
    "sshpass": "-p",
    "redis-cli": "-a",
    "curl": "-u",
    "7z": "-p",
    "mongo": "-p",
}
"""Short options with the secret in the same argument."""
_WORD = r"(?:'[^']*'|\"[^\"]*\"|[^\s|;&'\"]+)"
_IN_SCRIPT = re.compile(
    r"(\b(?:"
    + "|".join(map(re.escape, sorted({*_GLUED, *_OPTIONS}, key=len, reverse=True)))
    + r")\b)([^|;&\n]{0,4096})"
)


def shown(command: Sequence[str], redactor: Redactor) -> str:
    """As a shell would take it, without secrets, at most 4 KiB (then ``…`` at the end)."""
    masked = [redactor.text(one) for one in masked_arguments(command, redactor.mask)]
    # Once more as a whole: a secret may stand across arguments, or show only when quoted.
    text = redactor.text(shlex.join(masked))
    if len(text) <= COMMAND_BYTES // 4 or len(text.encode()) <= COMMAND_BYTES:
        return text
    cut = text.encode()[: COMMAND_BYTES - 3].decode(errors="ignore")
    return f"{cut}…"


def masked_arguments(command: Sequence[str], mask: str = Redactor().mask) -> list[str]:
    """Arguments without what options of well-known programs introduce."""
    found: list[str] = []
    program = os.path.basename(command[0]) if command else ""
    options = _OPTIONS.get(program, ())
    glued = _GLUED.get(program, "")
    before = ""
    for number, argument in enumerate(command):
        if number and (before in options or is_secret_option(before)):
            found.append(mask)
        elif number and glued and argument.startswith(glued) and len(argument) > len(glued):
            found.append(glued + mask)
        elif " " in argument or "\t" in argument or "\n" in argument:
            found.append(_script(argument, mask))
        else:
            found.append(argument)
        before = argument
    return found


def _script(text: str, mask: str) -> str:
    """A script in an argument, as of ``sh -c``: the same programs within it."""
    return _IN_SCRIPT.sub(lambda found: found[1] + _arguments(found[1], found[2], mask), text)


def _arguments(program: str, text: str, mask: str) -> str:
    for option in _OPTIONS.get(program, ()):
        text = re.sub(rf"(\s{re.escape(option)}\s+){_WORD}", lambda m: m[1] + mask, text)
    glued = _GLUED.get(program)
    if glued:
        text = re.sub(rf"(\s{re.escape(glued)}){_WORD}", lambda m: m[1] + mask, text)
    return text
