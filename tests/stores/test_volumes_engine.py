"""What a real engine does with a volume on a folder of ours: the facts of decision 0004."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import real_engine
from tabib.stores.volumes import make_generation

pytestmark = pytest.mark.engine

IMAGE = "tabib-test-volumes:1"
VOLUME = "tabib-test-generation"
PLAIN = "tabib-test-plain"
LOOK = "stat -c '%n %a %u:%g' /data /data/seed /data/sub; cat /data/seed; id -u"


def docker(*arguments: str, data: bytes | None = None) -> str:
    done = subprocess.run(["docker", *arguments], input=data, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def run(volume: str, script: str) -> str:
    return docker("run", "--rm", "--network=none", "-v", f"{volume}:/data", IMAGE, script)


def create(folder: Path) -> None:
    options = ["type=none", "o=bind", f"device={folder}"]
    docker("volume", "create", *(f"--opt={option}" for option in options), VOLUME)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image with a folder of content that user 1000 owns, mode 0750."""
    root = tmp_path_factory.mktemp("image")
    for folder in ("bin", "data/sub"):
        (root / folder).mkdir(parents=True)
    real_engine.ensure_images(real_engine.IMAGE)
    donor = docker("create", real_engine.IMAGE).strip()
    docker("cp", f"{donor}:/bin/busybox", str(root / "bin" / "busybox"))
    docker("rm", donor)
    for name in ("sh", "stat", "cat", "id", "touch", "ls"):
        (root / "bin" / name).symlink_to("busybox")
    (root / "data" / "seed").write_text("seed\n")
    for path in (root / "data", root / "data" / "seed", root / "data" / "sub"):
        os.chown(path, 1000, 1000)
    (root / "data").chmod(0o750)
    (root / "data" / "seed").chmod(0o600)
    tar = subprocess.run(["tar", "-C", root, "-c", "."], capture_output=True, check=True).stdout
    changes = ['ENTRYPOINT ["/bin/sh", "-c"]', "USER 1000:1000", "VOLUME /data"]
    docker("import", *(f"--change={one}" for one in changes), "-", IMAGE, data=tar)
    yield IMAGE
    docker("rmi", IMAGE)


@pytest.fixture
def volumes(image: str) -> Iterator[None]:
    yield
    subprocess.run(["docker", "volume", "rm", VOLUME, PLAIN], capture_output=True, check=False)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """A state folder that no container user could reach by its path."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    return state


def test_a_generation_behaves_like_an_engine_volume(volumes: None, state_dir: Path) -> None:
    folder = make_generation(state_dir, "v1", 1)
    create(folder)
    docker("volume", "create", PLAIN)
    made = Path(docker("volume", "inspect", "-f", "{{.Mountpoint}}", PLAIN).strip())
    assert _rights(folder) == _rights(made) == (0o40755, 0, 0)

    seen = run(VOLUME, LOOK)
    assert seen == run(PLAIN, LOOK)
    assert seen.splitlines() == [
        "/data 750 1000:1000",
        "/data/seed 600 1000:1000",
        "/data/sub 755 1000:1000",
        "seed",
        "1000",
    ]
    assert _rights(folder) == _rights(made) == (0o40750, 1000, 1000)


def test_data_outlives_the_volume_object(volumes: None, state_dir: Path) -> None:
    folder = make_generation(state_dir, "v1", 1)
    create(folder)
    run(VOLUME, "touch /data/order-1")
    docker("volume", "rm", VOLUME)
    assert (folder / "order-1").exists()
    create(folder)
    assert "order-1" in run(VOLUME, "ls /data")


def test_a_swap_leads_to_the_next_generation(volumes: None, state_dir: Path) -> None:
    first, second = (make_generation(state_dir, "v1", number) for number in (1, 2))
    create(first)
    run(VOLUME, "touch /data/old")
    docker("volume", "rm", VOLUME)
    create(second)
    run(VOLUME, "touch /data/new")
    assert (first / "old").exists()
    assert not (first / "new").exists()
    assert (second / "new").exists()
    assert not (second / "old").exists()


def test_content_that_is_there_is_not_copied_over(volumes: None, state_dir: Path) -> None:
    folder = make_generation(state_dir, "v1", 1)
    (folder / "seed").write_text("ours\n")
    folder.chmod(0o755)
    create(folder)
    assert run(VOLUME, "cat /data/seed; ls /data") == "ours\nseed\n"


def test_creating_an_existing_volume_does_not_move_it(volumes: None, state_dir: Path) -> None:
    first, second = (make_generation(state_dir, "v1", number) for number in (1, 2))
    create(first)
    create(second)
    device = docker("volume", "inspect", "-f", "{{.Options.device}}", VOLUME).strip()
    assert device == str(first)


def _rights(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mode, found.st_uid, found.st_gid
