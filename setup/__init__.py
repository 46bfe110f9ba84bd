"""Sets a machine up for tabib's demo, tests and benchmarks, with the standard library alone.

Runs on the system's python3, before anything is installed: `python3 -m setup STEP...` in the
repository's root. Every step is idempotent: what is there already costs milliseconds.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - said here so that an older Python gets a sentence
    sys.exit(
        f"tabib needs Python 3.11 or newer; this is {sys.version_info[0]}.{sys.version_info[1]}. "
        "Say which to take: make PYTHON=python3.12"
    )
