"""The command's half of the API: the daemon over a socket, and the engine for terminals.

Everything here uses the standard library alone, so that a command starts in 100 ms.
"""
