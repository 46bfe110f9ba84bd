"""What is known of a container's secrets, from how it was set up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tabib.operations.secrets import Secrets


def inspection(*mounts: tuple[Path, str], **fields: Any) -> dict[str, Any]:
    return {
        "Path": "app",
        "Args": [],
        "Config": {"Env": []},
        "Mounts": [
            {"Type": "bind", "Source": str(source), "Destination": target}
            for source, target in mounts
        ],
    } | fields


def test_files_of_secrets_are_known_whoever_started_it(tmp_path: Path) -> None:
    one, folder, other = tmp_path / "one", tmp_path / "folder", tmp_path / "other"
    folder.mkdir()
    one.write_text("swordfish-7\n", encoding="utf-8")
    (folder / "two").write_text("swordfish-8", encoding="utf-8")
    other.write_text("no secret", encoding="utf-8")
    os.mkfifo(folder / "pipe")
    mounts = (
        (one, "/run/secrets/one"),
        (folder, "/run/secrets"),
        (other, "/run/secretsauce"),
        (tmp_path / "gone", "/run/secrets/gone"),
    )
    said = "swordfish-7 swordfish-8 no secret"
    here = Secrets(here=True).redactor(inspection(*mounts))
    assert here.text(said) == "***** ***** no secret"
    # On another machine the same path is another file.
    assert Secrets().redactor(inspection(*mounts)).text(said) == said


def test_arguments_are_known() -> None:
    look = inspection(Path="redis-server", Args=["--requirepass", "geheim22"])
    assert Secrets().redactor(look).text("AUTH geheim22") == "AUTH *****"
