"""What is known of a container's secrets, from how it was set up."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tabib.model.container import ContainerState, EngineInfo
from tabib.operations.secrets import Secrets
from tabib.operations.views import container_row


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


def test_rows_of_containers_show_no_secret_of_a_label() -> None:
    state = ContainerState(
        id="c" * 64,
        name="tale-web-1",
        status="running",
        image="busybox",
        image_id="sha256:1",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        labels={"note": "token=hunter22hunter22", "db.password": "swordfish9", "tier": "front"},
    )
    info = EngineInfo(id="x", kind="docker", version="20.10", api_version="1.41", endpoint="")
    labels = container_row(state, info, "default")["labels"]
    assert labels == {"note": "token=*****", "db.password": "*****", "tier": "front"}
