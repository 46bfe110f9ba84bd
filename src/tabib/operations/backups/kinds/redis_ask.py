"""Questions to a Redis or Valkey server, by the client in its container."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from tabib.model.errors import TabibError
from tabib.operations.backups.kinds.programs import Ran, failure, run
from tabib.operations.tools import Tools

_AS = """
f() { [ -n "$1" ] && [ -r "$1" ] && cat "$1"; }
[ -n "$REDISCLI_AUTH" ] || REDISCLI_AUTH="${REDIS_PASSWORD:-$VALKEY_PASSWORD}"
[ -n "$REDISCLI_AUTH" ] || REDISCLI_AUTH=$(f "$REDIS_PASSWORD_FILE")
[ -n "$REDISCLI_AUTH" ] || REDISCLI_AUTH=$(f "$VALKEY_PASSWORD_FILE")
if [ -z "$REDISCLI_AUTH" ] && [ -r "$1" ]; then
    REDISCLI_AUTH=$(sed -n 's/^ *requirepass  *//p' "$1" | tr -d '"' | tail -n 1)
fi
shift
if [ -n "$REDISCLI_AUTH" ]; then
    export REDISCLI_AUTH VALKEYCLI_AUTH="$REDISCLI_AUTH"
else
    unset REDISCLI_AUTH
fi
port=$1; shift
if command -v redis-cli >/dev/null 2>&1; then exec redis-cli -p "$port" "$@"; fi
exec valkey-cli -p "$port" "$@"
"""
ADVICE = (
    "Its password is looked for in REDIS_PASSWORD (or …_FILE) of the container, in --requirepass of"
    " its command and in its configuration file."
)
_ASKED = ("dir", "dbfilename", "appendonly", "appenddirname", "appendfilename")


class Server:
    """One running server, and how its client gets in."""

    def __init__(self, tools: Tools, container_id: str, inspection: Mapping[str, Any]) -> None:
        self._tools = tools
        self._container = container_id
        config = inspection.get("Config") or {}
        words = command_words([*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())])
        values = dict(str(one).partition("=")[::2] for one in config.get("Env") or ())
        self._file = next((one for one in words if one.endswith(".conf")), "")
        self._port = option(words, "port") or "6379"
        password = _expanded(option(words, "requirepass"), values)
        self.environment = {"REDISCLI_AUTH": password} if password else {}

    def cli(self, *arguments: str) -> list[str]:
        return ["sh", "-c", _AS, "sh", self._file, self._port, *arguments]

    async def run(self, *arguments: str, timeout_s: float = 30.0) -> Ran:
        return await run(
            self._tools,
            self._container,
            self.cli(*arguments),
            environment=self.environment,
            timeout_s=timeout_s,
        )

    async def ask(self, *arguments: str, timeout_s: float = 30.0) -> str:
        """
        :raises CopyFailed: it refuses, or is not reached.
        """
        ran = await self.run(*arguments, timeout_s=timeout_s)
        refused = re.match(
            r"(?:\(error\) )?(?:NOAUTH|NOPERM|WRONGPASS|ERR|LOADING|MISCONF)", ran.text
        )
        if ran.exit_code or refused:
            told = Ran(
                exit_code=ran.exit_code or 1, stdout=ran.stdout, stderr=ran.stderr + ran.text
            )
            raise failure(
                told, attempted="ask the database in", target=self._container[:12], advice=ADVICE
            )
        return ran.text.strip()

    async def facts(self) -> dict[str, str]:
        """The answers to ``INFO``."""
        text = await self.ask("info")
        pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
        return {key: value.strip() for key, _, value in pairs}

    async def settings(self) -> dict[str, str]:
        """How and where it keeps its data; empty where it does not tell (``CONFIG`` renamed)."""
        found = {}
        with suppress(TabibError):
            for name in _ASKED:
                lines = (await self.ask("config", "get", name)).splitlines()
                if len(lines) == 2:
                    found[name] = lines[1]
        return found

    async def keys(self) -> dict[str, int]:
        """Database → how many keys it holds."""
        text = await self.ask("info", "keyspace")
        return {one[1]: int(one[2]) for one in re.finditer(r"(db\d+):keys=(\d+)", text)}

    async def lasting_keys(self) -> dict[str, int]:
        """As :meth:`keys`, without those that will be gone by themselves."""
        text = await self.ask("info", "keyspace")
        found = re.finditer(r"(db\d+):keys=(\d+),expires=(\d+)", text)
        return {one[1]: int(one[2]) - int(one[3]) for one in found}


async def server(tools: Tools, container_id: str) -> Server:
    return Server(tools, container_id, await tools.engine.inspect(container_id))


def command_words(words: Sequence[object]) -> list[str]:
    """A command line as words; what stands within ``sh -c`` is taken apart too."""
    found: list[str] = []
    for word in map(str, words):
        if " " in word.strip():
            try:
                found += shlex.split(word)
            except ValueError:
                found += word.split()
        else:
            found.append(word)
    return found


def option(words: Sequence[str], name: str) -> str:
    """The last value of ``--name value`` or ``--name=value``; ``""``: not given."""
    value = ""
    for here, following in zip(words, [*words[1:], ""], strict=True):
        if here == f"--{name}":
            value = following
        elif here.startswith((f"--{name}=", f"--{name} ")):
            value = here[len(name) + 3 :].strip()
    return value


def _expanded(text: str, values: Mapping[str, str]) -> str:
    """``$NAME`` and ``${NAME}``, as the shell within the container would have them."""
    return re.sub(r"\$\{?(\w+)(?::?-[^}]*)?\}?", lambda met: values.get(met[1], ""), text)
