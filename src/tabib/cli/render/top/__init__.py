"""The screen of ``tabib top``: pure, from a tick and what was typed to lines of text."""
