"""Point in time for SQLite: Litestream beside the data, where it is on this machine."""
