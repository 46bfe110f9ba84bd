"""Loading a file speaks to nobody: no schema, no registry, whatever the network is like."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path


def test_validating_asks_nobody_on_the_network(tmp_path: Path) -> None:
    """A proxy that takes connections and never answers: whoever asks is counted, and hangs."""
    (tmp_path / "compose.yaml").write_text("services:\n  main: {image: 'busybox:1.36'}\n")
    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", 0))
        proxy.listen()
        proxy.setblocking(False)
        url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        names = ("http_proxy", "https_proxy", "all_proxy")
        env = {name: url for each in names for name in (each, each.upper())}
        done = subprocess.run(
            [sys.executable, "-m", "tabib", "config", "-q"],
            cwd=tmp_path,
            env={**os.environ, **env, "NO_PROXY": "", "no_proxy": ""},
            timeout=60,
            check=False,
        )
        assert done.returncode == 0
        try:
            asked, _ = proxy.accept()
        except BlockingIOError:
            return
    asked.close()
    raise AssertionError("the loader opened a connection")
