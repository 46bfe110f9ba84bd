"""The demo: an application deployed, broken in front of you, healed and explained.

`python3 -m demo` in the repository's root, with the system's python3 and nothing installed.
"""
