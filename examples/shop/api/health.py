"""The API's health check: exit 0 when /api/health answers 200 within a second, else 1."""

import sys
import urllib.request

try:
    with urllib.request.urlopen("http://127.0.0.1:8000/api/health", timeout=1) as answer:
        print(answer.read().decode().strip())
except OSError as error:
    sys.exit(f"the API does not answer: {error}")
