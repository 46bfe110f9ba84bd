"""Litestream itself: a program of this machine, run in a helper container beside the data.

It is a static program, so any image serves; restic's is there anyway. What it writes down for
itself goes to our folder, not beside the user's files; in each database it makes two tables of its
own (``_litestream_seq``, ``_litestream_lock``), and it turns write-ahead logging on.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tabib.model.backup import Place
from tabib.model.container import LABEL_OWNER, Mount
from tabib.model.oneshot import OneShot
from tabib.operations.backups.litestream.replicas import META
from tabib.operations.backups.tools import require
from tabib.operations.tools import Tools

PURPOSE = "litestream"
CONFIG = "litestream.yml"
SYNC_S = 1.0
DATA, REPLICAS = "/tabib-data", "/tabib-replicas"
_AT = "/tabib-litestream"
_RIGHTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
_KEPT = "72h"
"""How far back a time can be reached."""


def program(tools: Tools) -> str:
    """Where it is on this machine; ``""``: it is not."""
    if tools.backups is None or not tools.info.local:
        return ""
    named = tools.backups.settings.litestream
    found = shutil.which(named or "litestream")
    return os.path.realpath(found) if found else ""


def configuration(names: Sequence[str]) -> str:
    """Of a stream of these files. JSON is YAML."""
    return json.dumps(
        {
            "snapshot": {"interval": "24h", "retention": _KEPT},
            "dbs": [
                {
                    "path": f"{DATA}/{name}",
                    "meta-path": f"{REPLICAS}/{META}/{number}",
                    "replica": {
                        "type": "file",
                        "path": f"{REPLICAS}/{number}",
                        "sync-interval": f"{SYNC_S:g}s",
                    },
                }
                for number, name in enumerate(names)
            ],
        }
    )


def one_shot(tools: Tools, path: str, argv: Sequence[str], data: Place, stream: Path) -> OneShot:
    """Litestream with ``argv``; the data at :data:`DATA`, a stream's folder at :data:`REPLICAS`."""
    return OneShot(
        purpose=PURPOSE,
        image=require(tools, "run Litestream for", data.source).settings.image,
        argv=(_AT, *argv),
        mounts=(
            Mount(type="bind", source=path, target=_AT, read_only=True),
            Mount(type=data.type, source=data.source, target=DATA),
            Mount(type="bind", source=str(stream), target=REPLICAS),
        ),
        user="0:0",
        capabilities=_RIGHTS,
        labels={LABEL_OWNER: tools.installation},
    )
