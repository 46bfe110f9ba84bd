"""What of a project is data: tables of mounts, and of what was seen in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tabib.decide.backups.datasets import LARGE_BYTES, discover, names_it
from tabib.decide.backups.facts import Mounted, Origin, Seen
from tabib.decide.backups.look import grouped, seen_of
from tabib.model.backup import Dataset, Place

NOW = datetime(2026, 11, 25, tzinfo=UTC)
PG = "/var/lib/postgresql/data"
LATELY = NOW - timedelta(days=3)


def mounted(
    image: str, target: str, source: str = "shop_data", *, type: str = "volume", **fields: Any
) -> Mounted:
    fields.setdefault("service", "app")
    fields.setdefault("key", source.removeprefix("shop_") if type == "volume" else "")
    return Mounted(image=image, place=Place(type=type, source=source), target=target, **fields)


def bind(image: str, source: str, target: str = "/data", **fields: Any) -> Mounted:
    return mounted(image, target, source, type="bind", **fields)


def one(mount: Mounted, look: Seen | None = None, **more: Any) -> Dataset:
    seen = {} if look is None else {mount.place: look}
    (found,) = discover([mount], seen, {}, now=NOW, **more)
    return found


def none(mount: Mounted, look: Seen) -> bool:
    return discover([mount], {mount.place: look}, {}, now=NOW) == []


@pytest.mark.parametrize(
    ("mount", "look", "kind", "inner"),
    [
        (mounted("postgres:16", PG), None, "postgres", ""),
        (mounted("postgres:16", PG), Seen(marks={"": ("PG_VERSION",)}), "postgres", ""),
        (mounted("postgres:16", PG, environment={"PGDATA": f"{PG}/pgdata"}), None,
         "postgres", "pgdata"),
        (mounted("postgres:18", "/var/lib/postgresql"),
         Seen(marks={"18/docker": ("PG_VERSION",), "18/docker/base": ("PG_VERSION",)}),
         "postgres", "18/docker"),
        (mounted("acme/db:1", "/data", environment={"PGDATA": ""}),
         Seen(marks={"": ("PG_VERSION",)}), "postgres", ""),
        (mounted("gitlab/gitlab-ce", "/var/opt/gitlab"),
         Seen(marks={"postgresql/data": ("PG_VERSION",)}), "files", ""),
        (mounted("mariadb:11", "/var/lib/mysql"), None, "mysql", ""),
        (mounted("mysql:8", "/backup"), None, "files", ""),
        (mounted("redis:7", "/data"), Seen(marks={"": ("dump.rdb",)}), "redis", ""),
        (mounted("valkey/valkey:8", "/data"), None, "redis", ""),
        (mounted("mongo:7", "/data/db"), Seen(marks={"": ("WiredTiger",)}), "mongodb", ""),
        (mounted("acme/app", "/data"), Seen(sqlite=("app.db",)), "sqlite", ""),
        (mounted("grafana/grafana", "/var/lib/grafana"), Seen(sqlite=("grafana.db",)),
         "sqlite", ""),
        (mounted("elasticsearch:8", "/usr/share/elasticsearch/data"), None, "files", ""),
        (mounted("acme/app", "/srv/uploads"), Seen(), "files", ""),
    ],
)  # fmt: skip
def test_kinds(mount: Mounted, look: Seen | None, kind: str, inner: str) -> None:
    found = one(mount, look)
    assert (found.kind, found.inner, found.covered) == (kind, inner, True)
    assert found.why


def test_files_of_sqlite_are_named() -> None:
    found = one(mounted("acme/app", "/data"), Seen(sqlite=("a.db", "b/c.sqlite3")))
    assert found.files == ("a.db", "b/c.sqlite3")
    assert "a.db and 1 more" in found.why


NAMELESS = "a" * 64


@pytest.mark.parametrize(
    ("mount", "look", "kind", "covered", "words"),
    [
        (mounted("redis:7", "/data", NAMELESS, anonymous=True, key=""), None, "cache", False,
         "is a cache"),
        (mounted("mysql:8", "/var/lib/mysql", NAMELESS, anonymous=True, key=""), None, "mysql",
         True, "nobody named the volume"),
        (mounted("postgres:16", PG, NAMELESS, anonymous=True, key=""), Seen(empty=True, whole=True),
         "postgres", False, "nothing is in it"),
        (mounted("acme/app", "/x", NAMELESS, anonymous=True, key=""), Seen(), "files", False,
         "no database is known"),
        (mounted("postgres:16", PG, "db", type="tmpfs"), None, "cache", False, "in memory"),
        (mounted("memcached:1", "/data"), None, "cache", False, "keeps nothing"),
        (mounted("node:22", "/app/node_modules"), Seen(), "cache", False, "can be made again"),
        (mounted("offen/docker-volume-backup:v2", "/archive"), Seen(), "files", False,
         "makes backups itself"),
    ],
)  # fmt: skip
def test_what_is_not_covered_says_why(
    mount: Mounted, look: Seen | None, kind: str, covered: bool, words: str
) -> None:
    found = one(mount, look)
    assert (found.kind, found.covered) == (kind, covered)
    assert words in found.why


def test_folders_of_the_host() -> None:
    lately = Seen(newest=LATELY, whole=True)
    assert one(bind("acme/app", "/srv/shop/uploads"), lately).covered
    assert one(bind("postgres:16", "/srv/shop/pg", PG), Seen()).covered
    old = one(bind("acme/app", "/srv/x"), replace(lately, newest=NOW - timedelta(days=200)))
    assert (old.covered, "within 90 days" in old.why) == (False, True)
    large = one(bind("jellyfin", "/srv/films"), replace(lately, size_bytes=LARGE_BYTES + 1))
    assert (large.covered, "more than 100 GiB" in large.why) == (False, True)
    assert none(bind("nginx", "/srv/conf"), replace(lately, code="nginx.conf"))
    assert none(bind("acme/app", "/srv/shop"), replace(lately, code="package.json"))
    assert none(bind("portainer", "/var/run/docker.sock"), Seen(file=True))
    assert none(bind("agent", "/"), lately)
    assert none(bind("agent", "/proc"), lately)
    assert none(bind("web", "/srv/www", read_only=True), lately)
    assert none(bind("web", "/srv/empty"), Seen(empty=True))


def test_a_folder_that_was_data_once_does_not_cease_to_be() -> None:
    mount, look = bind("acme/app", "/srv/x"), Seen(newest=NOW - timedelta(days=200))
    before = replace(one(mount, look), covered=True)
    assert one(mount, look, before={"/srv/x": before}).covered


def test_what_was_lost_is_still_what_it_was() -> None:
    mount = mounted("acme/app", "/data")
    before = one(mount, Seen(sqlite=("app.db",)))
    lost = one(mount, Seen(empty=True, whole=True), before={"data": before})
    assert (lost.kind, lost.files) == ("sqlite", ("app.db",))
    other = one(mount, Seen(whole=True), before={"data": before})
    assert other.kind == "files"


def test_what_the_user_says() -> None:
    def said(settings: Any) -> Dataset:
        return one(mounted("acme/app", "/data", settings=settings), Seen())

    assert not said(False).covered
    assert not said({"enabled": False}).covered
    assert said(True).covered
    assert not said({"exclude": ["data"]}).covered
    assert not said({"exclude": ["da*"]}).covered
    found = said({"exclude": ["*.log", "other"], "method": "stop", "hooks": {"before": "sync"}})
    assert (found.covered, found.excludes, found.method) == (True, ("*.log",), "stop")
    assert found.hooks == {"before": "sync"}
    asked = {"include": ["/srv/films"]}
    films = bind("jellyfin", "/srv/films", read_only=True, settings=asked)
    assert one(films, Seen(code="Makefile", size_bytes=LARGE_BYTES * 2)).covered
    tmp = mounted("redis:7", "/data", NAMELESS, anonymous=True, key="")
    wanted = one(replace(tmp, settings={"include": ["/data"]}), None)
    assert (wanted.covered, wanted.kind) == (True, "redis")


def test_services_that_share_a_volume() -> None:
    place = Place(type="volume", source="shop_data")
    saver = mounted("offen/docker-volume-backup", "/backup", service="saver", read_only=True)
    admin = mounted("adminer", "/x", service="admin")
    db = mounted("postgres:16", PG, service="db")
    (found,) = discover([saver, admin, db], {place: Seen(marks={"": ("PG_VERSION",)})}, {}, now=NOW)
    assert (found.service, found.services, found.kind) == ("db", ("admin", "db"), "postgres")
    assert found.target == PG


def test_a_copy_beside_the_data_is_no_database() -> None:
    db = mounted("postgres:16", PG, service="db")
    beside = mounted("postgres:16", "/backup", "shop_dumps", service="db")
    look = {
        db.place: Seen(marks={"": ("PG_VERSION",)}),
        beside.place: Seen(marks={"monday": ("PG_VERSION",)}),
    }
    found = {one.name: one.kind for one in discover([db, beside], look, {}, now=NOW)}
    assert found == {"data": "postgres", "dumps": "files"}


def test_volumes_that_nobody_mounts() -> None:
    place = Place(type="volume", source="shop_old")
    origins = {"shop_old": Origin(volume_id="v", generation=2, key="old")}
    (found,) = discover([], {}, origins, now=NOW, unused=[place])
    assert (found.name, found.service, found.covered) == ("old", "", True)
    assert (found.volume_id, found.generation) == ("v", 2)
    (waived,) = discover([], {}, origins, now=NOW, unused=[place], settings={"exclude": ["old"]})
    assert not waived.covered


def test_names_are_unique() -> None:
    mounts = [
        mounted("mysql:8", "/var/lib/mysql", f"{n}" * 64, anonymous=True, key="", slot=n)
        for n in (1, 2)
    ]
    found = discover(mounts, {}, {}, now=NOW)
    assert len({each.name for each in found}) == 2


def test_paths_tell() -> None:
    found, roots = grouped(["./PG_VERSION", "base/1/PG_VERSION", "./base", "x/dump.rdb"])
    assert found == {"": ("PG_VERSION",), "base/1": ("PG_VERSION",), "x": ("dump.rdb",)}
    assert roots == ["PG_VERSION", "base", "x"]
    look = seen_of(marks={}, roots=["src", "package.json"], sqlite=[], newest=None,
                   size_bytes=None, whole=True)  # fmt: skip
    assert (look.code, look.empty) == ("package.json", False)


def test_what_an_exclusion_means() -> None:
    data = Dataset(name="data", place=Place(type="volume", source="shop_data"), kind="files",
                   service="db", target="/var/lib/x")  # fmt: skip
    for text in ("data", "shop_data", "/var/lib/x", "/var/lib/x/", "dat?"):
        assert names_it(text, data), text
    for text in ("*.log", "dat", "/var/lib"):
        assert not names_it(text, data), text
