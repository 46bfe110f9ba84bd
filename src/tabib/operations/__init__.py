"""Effects: what tabib does. ``execute.py`` is the one place where a plan is applied."""
