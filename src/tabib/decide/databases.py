"""Programs that keep data: by which image, path, port and files they are known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tabib.model.reference import parse_reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """``images``: last parts of their repositories. ``open``: as it comes, it asks nobody for a
    password. ``files``: names that only its data folder has. ``kind``: of ``Dataset.kind`` where
    tabib can copy it by its own means."""

    name: str
    kind: str = ""
    images: tuple[str, ...]
    paths: tuple[str, ...]
    ports: tuple[int, ...]
    files: tuple[str, ...] = ()
    open: bool = False


DATABASES = (
    Database(
        name="PostgreSQL",
        kind="postgres",
        images=("postgres", "postgresql", "postgis", "timescaledb", "timescaledb-ha", "pgvector"),
        paths=("/var/lib/postgresql", "/bitnami/postgresql"),
        ports=(5432,),
        files=("PG_VERSION",),
    ),
    Database(
        name="MySQL",
        kind="mysql",
        images=("mysql", "mariadb", "percona", "percona-server", "mysql-server"),
        paths=("/var/lib/mysql", "/bitnami/mysql", "/bitnami/mariadb"),
        ports=(3306,),
        files=("ibdata1", "mysql.ibd", "aria_log_control"),
    ),
    Database(
        name="MongoDB",
        kind="mongodb",
        images=("mongo", "mongodb", "mongodb-community-server"),
        paths=("/data/db", "/bitnami/mongodb"),
        ports=(27017,),
        files=("WiredTiger", "mongod.lock"),
        open=True,
    ),
    Database(
        name="Redis",
        kind="redis",
        images=("redis", "valkey", "redis-stack", "redis-stack-server", "keydb"),
        paths=("/data", "/bitnami/redis"),
        ports=(6379,),
        files=("dump.rdb", "appendonlydir", "appendonly.aof"),
        open=True,
    ),
    Database(
        name="Elasticsearch",
        images=("elasticsearch", "opensearch"),
        paths=("/usr/share/elasticsearch/data", "/usr/share/opensearch/data"),
        ports=(9200, 9300),
        files=("nodes", "_state"),
        open=True,
    ),
    Database(
        name="ClickHouse",
        images=("clickhouse-server", "clickhouse"),
        paths=("/var/lib/clickhouse",),
        ports=(8123, 9000),
        open=True,
    ),
    Database(
        name="InfluxDB", images=("influxdb",), paths=("/var/lib/influxdb", "/var/lib/influxdb2"),
        ports=(8086,),
    ),
    Database(
        name="Cassandra", images=("cassandra", "scylla"),
        paths=("/var/lib/cassandra", "/var/lib/scylla"), ports=(9042,), open=True,
    ),
    Database(
        name="Neo4j", images=("neo4j",), paths=("/data",), ports=(7687,), files=("neostore",),
    ),
    Database(
        name="CouchDB", images=("couchdb",), paths=("/opt/couchdb/data",), ports=(5984,),
    ),
    Database(
        name="SQL Server", images=("server", "azure-sql-edge"), paths=("/var/opt/mssql",),
        ports=(1433,),
    ),
    Database(name="RabbitMQ", images=("rabbitmq",), paths=("/var/lib/rabbitmq",), ports=(5672,)),
    Database(
        name="etcd", images=("etcd",), paths=("/etcd-data", "/bitnami/etcd"), ports=(2379,),
        open=True,
    ),
    Database(
        name="memcached", images=("memcached",), paths=(), ports=(11211,), open=True,
    ),
    Database(name="MinIO", images=("minio",), paths=("/data", "/bitnami/minio"), ports=()),
    Database(name="Grafana", images=("grafana", "grafana-oss"), paths=("/var/lib/grafana",),
             ports=()),
    Database(name="Gitea", images=("gitea", "forgejo"), paths=("/data", "/var/lib/gitea"),
             ports=()),
    Database(name="Nextcloud", images=("nextcloud",), paths=("/var/www/html",), ports=()),
    Database(name="Vault", images=("vault",), paths=("/vault/file", "/vault/data"), ports=()),
    Database(
        name="Prometheus", images=("prometheus",), paths=("/prometheus",), ports=(),
        files=("wal", "chunks_head"),
    ),
)  # fmt: skip
_SQLITE = re.compile(r"\.(?:sqlite3?|db3?)$")
_BACKUPS = re.compile(
    r"(?:^|[-_/])(?:backups?|restic|borg(?:matic)?|duplicati|duplicity|kopia|rclone|autorestic"
    r"|pgbackrest|barman|wal-g|litestream|velero)(?:$|[-_:/@])"
)
_ANYBODYS = ("/data", "/prometheus", "/var/www/html")
"""Paths that say nothing by themselves."""
_NO_DATABASE = ("server",)
"""Last parts of repositories that mean a database only below Microsoft's ``mssql``."""


def database_of(image: str) -> Database | None:
    """The database that an image (as its reference was written) is known for."""
    repository = parse_reference(image).repository
    last = repository.rpartition("/")[2].lower()
    if last in _NO_DATABASE and "mssql" not in repository:
        return None
    return next((each for each in DATABASES if last in each.images), None)


def makes_backups(image: str) -> bool:
    """Whether an image is known as a program that makes backups."""
    return _BACKUPS.search(image.lower()) is not None


def at_its_place(known: Database, target: str) -> bool:
    """Whether ``target`` is where the database keeps its data, or below."""
    return _below(target, known.paths)


def database_at(target: str) -> Database | None:
    """The only database that keeps its data at ``target``."""
    return next(
        (
            each
            for each in DATABASES
            if _below(target, [path for path in each.paths if path not in _ANYBODYS])
        ),
        None,
    )


def keeps_data(image: str, target: str, files: Iterable[str]) -> str:
    """How it is known that what is mounted at ``target`` holds data that must not be lost; empty
    where nothing says so.

    By the image where it is mounted at the database's path, by a path that only one database has,
    then by the files.
    """
    known = database_of(image)
    if known and at_its_place(known, target):
        return f"the image {image} is {known.name}, and it is mounted at {target}"
    there = database_at(target)
    if there:
        return f"{target} is where {there.name} keeps its data"
    names = set(files)
    for each in DATABASES:
        marks = [name for name in each.files if name in names]
        if marks:
            return f"it holds files of {each.name} ({', '.join(marks)})"
    sqlite = sorted(name for name in names if _SQLITE.search(name))
    if sqlite:
        return f"it holds files of SQLite ({sqlite[0]})"
    return ""


def _below(target: str, paths: Iterable[str]) -> bool:
    return any(f"{target}/".startswith(f"{path}/") for path in paths)
