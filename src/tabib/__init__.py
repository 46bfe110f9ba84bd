"""tabib: the physician of your containers.

Runs Compose apps and looks after them by itself. ``docs/architecture.md`` draws the house.
"""

__version__ = "0.1.0"
