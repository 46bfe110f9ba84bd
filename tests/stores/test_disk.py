"""Full and read-only disks, for real: each story runs on a tmpfs of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stores.disk_stories import STORIES

SIZE = {"reserve": "80m", "no_room_for_reserve": "64m"}
MOUNT = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift && exec "${@:2}" "$1"'


@pytest.mark.parametrize("story", [one.__name__ for one in STORIES])
def test_story(story: str, tmp_path: Path) -> None:
    # Without root a user namespace gives the right to mount.
    namespace = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
    story_file = Path(__file__).with_name("disk_stories.py")
    mounted = ["bash", "-c", MOUNT, "bash", SIZE.get(story, "8m"), str(tmp_path)]
    done = subprocess.run(
        ["unshare", *namespace, *mounted, sys.executable, str(story_file), story],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{story}: told to its end\n"
