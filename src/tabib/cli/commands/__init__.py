"""One file for each command (or family of alike ones), imported when it is called."""
