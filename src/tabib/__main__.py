"""``python -m tabib``: the same as the ``tabib`` command."""

from __future__ import annotations

import sys

from tabib.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
