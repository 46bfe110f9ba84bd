"""What a load costs: every command that reads a file pays for it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from compose.memory import load_text

_FORBIDDEN = (
    "asyncio",
    "aiohttp",
    "aiodocker",
    "rich",
    "fastapi",
    "msgspec",
    "yaml",
    "jsonschema_rs",
)


def test_importing_the_loader_imports_little() -> None:
    program = (
        "import sys, tabib.compose, tabib.compose.render\n"
        f"print([name for name in {_FORBIDDEN!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_two_hundred_services_load_in_a_second() -> None:
    service = (
        "  s{i}: {{image: 'x:${{TAG:-1}}', ports: ['{p}:80'], environment: {{A: 1, B: two}},"
        " volumes: ['data:/data'], networks: [front], labels: [a=b],"
        " healthcheck: {{test: 'true', interval: 5s}}, depends_on: [base]}}\n"
    )
    text = "services:\n  base: {image: x}\n"
    text += "".join(service.format(i=i, p=8000 + i) for i in range(200))
    text += "networks: {front: }\nvolumes: {data: }\n"
    load_text("services: {a: {image: x}}")
    began = time.process_time()
    project = load_text(text)
    assert time.process_time() - began < 1.0
    assert len(project.services) == 201


def test_the_schema_is_shipped() -> None:
    from tabib import compose

    assert (Path(compose.__file__).parent / "compose-spec.json").stat().st_size > 50_000
