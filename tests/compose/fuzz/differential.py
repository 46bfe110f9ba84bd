"""Mutated files, each given to Docker Compose and to tabib: the same answer, or the same no.

``python tests/compose/fuzz/differential.py SECONDS [SEED] [FOLDER…]``. What it mutates are the
oracle's cases, and every YAML file below the folders named: values go where others stood at the
same place of another file, become odd ones, or vanish; lines are taken out, doubled, moved, and
given other values as they are written; two files are laid over each other. What is answered
differently is left in ``/tmp/tabib-differential`` for a case to be made of it.
"""

from __future__ import annotations

import copy
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

TESTS = Path(__file__).parent.parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from compose.harness import HOME, Files, request  # noqa: E402
from support import compose_oracle  # noqa: E402
from tabib.compose import load, render  # noqa: E402
from tabib.model.errors import ConfigError  # noqa: E402

KEPT = Path(tempfile.gettempdir()) / "tabib-differential"
ENVIRONMENT = {"HOME": HOME, "TAG": "1.2", "EMPTY": "", "PORT": "8080"}
ODD: list[Any] = [
    None, "", " ", 0, 1, -1, 1.5, 1e21, 8080, True, False, "true", "1", "0x1F", "08", "1_000",
    "yes", "~", "null", "a", "A b", "a=b", "=", ":", "80", "80:80", "1-3:1-3", "::1", "[::1]:80:80",
    "./a", "../a", "~/a", "/a", "/a:/b:ro", "a:/b", "C:\\a:/b", "1h30m", "10s", "1.5s", "10", "1g",
    "512m", "1.5gb", "10 MB", "50%", "$TAG", "${TAG}", "${NONE:-d}", "${NONE?no}", "${EMPTY:+x}",
    "$$", "$", "${", "é", "a\nb", "a\tb", "service:a", "host", "none", "on-failure:3", "x-a",
    "2001-01-01", "12:30", "0o17", "017", ".5", "1e3", ".inf", [], {}, ["a"], ["a=b"], ["a", "a"],
    [1], ["1", 1], [None], {"a": "b"}, {"a": None}, {"a": 1}, {"a": []}, {"x-a": 1}, [{"a": "b"}],
]  # fmt: skip
CRASHED = 98
TAGS = ("!reset", "!override", "!!str", "!!int", "!!float", "!!bool", "&a", "*a", "<<:", "|", ">-")
_NAMED = {"services", "networks", "volumes", "secrets", "configs", "models", "depends_on"}
Place = tuple[str, ...]
"""A path in which the names that users give, and the numbers of items, are ``*``."""


class Corpus:
    """Files as trees, and for each place what has been seen there."""

    def __init__(self, folders: list[Path]) -> None:
        self.trees: list[dict[str, Any]] = []
        self.texts: list[str] = []
        self.written: list[str] = []
        """What stands behind a colon or dash somewhere."""
        self.seen: dict[Place, list[Any]] = defaultdict(list)
        for path in sorted(one for folder in folders for one in folder.rglob("*.y*ml")):
            self._take(path)

    def _take(self, path: Path) -> None:
        try:
            self.texts.append(path.read_text("utf-8"))
        except ValueError:
            return
        self.written += re.findall(r"(?:: |- )(\S.*)$", self.texts[-1], re.MULTILINE)
        try:
            trees = list(yaml.safe_load_all(path.read_text("utf-8")))
        except (yaml.YAMLError, ValueError, TypeError):  # tags, and files that are meant wrong
            return
        for tree in trees:
            if isinstance(tree, dict) and isinstance(tree.get("services"), dict):
                self.trees.append(tree)
                for _, _, place, value in walk(tree):
                    self.seen[place].append(value)


def walk(tree: Any, at: Place = ()) -> Iterator[tuple[Any, Any, Place, Any]]:
    """Every value with what holds it, its key there, and its place."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(entries):
        named = isinstance(tree, list) or (bool(at) and at[-1] in _NAMED)
        place = (*at, "*" if named else str(key))
        yield tree, key, place, value
        if isinstance(value, dict | list):
            yield from walk(value, place)


def mutated(chance: random.Random, corpus: Corpus) -> dict[str, Any]:
    """A tree of the corpus with a few changes; with many, both only ever refuse."""
    tree = copy.deepcopy(chance.choice(corpus.trees))
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        places = [(*one, n) for n, one in enumerate(walk(tree))]
        if places:
            _change(chance, corpus, chance.choice(places))
    return tree


def rewritten(chance: random.Random, corpus: Corpus) -> str:
    """A text of the corpus with one to three of its lines changed."""
    lines = chance.choice(corpus.texts).splitlines()
    for _ in range(chance.choice([1, 1, 2, 3])):
        if not lines:
            break
        at, kind = chance.randrange(len(lines)), chance.random()
        if kind < 0.5:
            head, mark, _ = re.split(r"((?:: |- )(?=\S)|$)", lines[at], maxsplit=1)
            lines[at] = head + mark + (chance.choice(corpus.written) if mark else "")
        elif kind < 0.6:
            lines[at] = re.sub(r"(: |- )", rf"\1{chance.choice(TAGS)} ", lines[at], count=1)
        elif kind < 0.7:
            del lines[at]
        elif kind < 0.8:
            lines.insert(chance.randrange(len(lines)), lines[at])
        elif kind < 0.9:
            lines[at] = f"  {lines[at]}" if chance.random() < 0.5 else lines[at].removeprefix("  ")
        else:
            lines[at:at] = chance.choice(corpus.texts).splitlines()[1 : chance.randint(2, 6)]
    return "\n".join(lines) + "\n"


def written(chance: random.Random, corpus: Corpus) -> str:
    if chance.random() < 0.5:
        return rewritten(chance, corpus)
    return yaml.safe_dump(mutated(chance, corpus), allow_unicode=True, sort_keys=False)


def _change(chance: random.Random, corpus: Corpus, spot: tuple[Any, Any, Place, Any, int]) -> None:
    holder, key, place, value, _ = spot
    kind = chance.random()
    if kind < 0.45 and corpus.seen[place]:
        holder[key] = copy.deepcopy(chance.choice(corpus.seen[place]))
    elif kind < 0.55:
        holder[key] = copy.deepcopy(chance.choice(ODD))
    elif kind < 0.65 and isinstance(holder, dict):
        del holder[key]
    elif kind < 0.75 and isinstance(holder, list):
        holder.append(copy.deepcopy(chance.choice([value, chance.choice(ODD)])))
    elif isinstance(holder, dict):
        near = [one for one in corpus.seen if one[:-1] == place[:-1]]
        other = chance.choice(near) if near else place
        name = other[-1] if other[-1] != "*" else f"n{chance.randint(0, 3)}"
        if corpus.seen[other]:
            holder[name] = copy.deepcopy(chance.choice(corpus.seen[other]))


def ours(folder: Path, args: list[str]) -> tuple[int, str]:
    try:
        return 0, render.as_json(load(request(args, folder, ENVIRONMENT), Files()))
    except ConfigError as error:
        return 1, str(error)
    except Exception as error:  # noqa: BLE001 - which is what is looked for
        return CRASHED, repr(error)


def theirs(folder: Path, args: list[str]) -> tuple[int, str]:
    command = [*args, "config", "--format", "json"]
    try:
        answer = compose_oracle.ask(command, cwd=folder, env=ENVIRONMENT, timeout_s=10)
    except subprocess.TimeoutExpired:
        return 2, "timeout"
    return answer.code, answer.out if answer.code == 0 else answer.err


def verdict(mine: tuple[int, str], other: tuple[int, str]) -> str:
    """``equal``, ``refused``, ``no answer`` (Compose panics, or cannot print), or a difference."""
    if mine[0] == CRASHED:
        return "CRASH"
    if other[0] == 2 or "MarshalJSON" in other[1]:
        return "no answer"
    if (other[0] and mine[0]) or "x-tabib" in mine[1]:
        return "refused"
    if other[0] == mine[0]:
        return "equal" if mine[1] == other[1] else "DIFFERENT"
    return "ONLY TABIB REFUSES" if mine[0] else "ONLY COMPOSE REFUSES"


def _gist(found: str, mine: str, other: str) -> str:
    """By what a difference is told from those that are like it."""
    said = mine if found == "ONLY TABIB REFUSES" else other
    if found == "DIFFERENT":
        a, b = mine.splitlines(), other.splitlines()
        at = next((n for n, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]), 0)
        said = f"{a[at : at + 1]} {b[at : at + 1]}"
    return found + re.sub(r"[0-9]+|'[^']*'|\"[^\"]*\"|/\S+", "_", said)[-150:]


def main() -> None:
    seconds, seed = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    folders = [TESTS / "compose" / "cases", *map(Path, sys.argv[3:])]
    corpus, chance = Corpus(folders), random.Random(seed)
    counts: Counter[str] = Counter()
    known: set[str] = set()
    KEPT.mkdir(exist_ok=True)
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "project"
        folder.mkdir()
        while time.monotonic() < until:
            names = ["a.yaml", "b.yaml"][: 1 + (chance.random() < 0.2)]
            for name in names:
                (folder / name).write_text(written(chance, corpus), "utf-8")
            args = [word for name in names for word in ("-f", name)]
            mine, other = ours(folder, args), theirs(folder, args)
            found = verdict(mine, other)
            counts[found] += 1
            gist = _gist(found, mine[1], other[1])
            if not found.isupper() or gist in known:
                continue
            known.add(gist)
            kept = KEPT / f"{seed}-{sum(counts.values())}"
            kept.mkdir(exist_ok=True)
            for name in names:
                (kept / name).write_text((folder / name).read_text("utf-8"), "utf-8")
            (kept / "tabib").write_text(mine[1], "utf-8")
            (kept / "compose").write_text(other[1], "utf-8")
            print(f"{found}: {kept}: {gist[-200:]}", flush=True)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
