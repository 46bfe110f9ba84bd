"""This machine: kernel text to values. Linux only; nothing here needs root to be called."""
