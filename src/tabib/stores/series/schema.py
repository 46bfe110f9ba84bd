"""The tables of the series file. Instants are microseconds since 1970 UTC."""

from __future__ import annotations

FILE_NAME = "series.sqlite3"

MIGRATIONS = (
    """
    CREATE TABLE layout (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        columns TEXT NOT NULL,
        UNIQUE (kind, columns)
    );
    CREATE TABLE subject (
        number INTEGER PRIMARY KEY,
        engine_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        parent TEXT NOT NULL,
        project TEXT NOT NULL,
        service TEXT NOT NULL,
        slot INTEGER NOT NULL,
        image TEXT NOT NULL,
        first_us INTEGER NOT NULL,
        last_us INTEGER NOT NULL,
        interval_us INTEGER NOT NULL,
        UNIQUE (engine_id, kind, id)
    );
    CREATE TABLE tick (
        seq INTEGER PRIMARY KEY,
        segment INTEGER NOT NULL,
        at_us INTEGER NOT NULL,
        body BLOB NOT NULL
    );
    CREATE TABLE segment (
        seq INTEGER PRIMARY KEY,
        quarter_us INTEGER NOT NULL,
        first_us INTEGER NOT NULL,
        last_us INTEGER NOT NULL,
        has_raw INTEGER NOT NULL,
        has_minute INTEGER NOT NULL,
        times BLOB NOT NULL
    );
    CREATE TABLE raw (key INTEGER PRIMARY KEY, layout INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE TABLE minute (key INTEGER PRIMARY KEY, layout INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE TABLE quarter (key INTEGER PRIMARY KEY, body BLOB NOT NULL);

    CREATE TABLE container (
        number INTEGER PRIMARY KEY,
        engine_id TEXT NOT NULL,
        container_id TEXT NOT NULL,
        UNIQUE (engine_id, container_id)
    );
    CREATE TABLE process (
        container INTEGER NOT NULL,
        started_ns INTEGER NOT NULL,
        pid INTEGER NOT NULL,
        started_us INTEGER NOT NULL,
        ended_us INTEGER NOT NULL,
        ppid INTEGER NOT NULL,
        name TEXT NOT NULL,
        command TEXT NOT NULL,
        flags INTEGER NOT NULL,
        user INTEGER NOT NULL,
        exit_code INTEGER,
        signal INTEGER,
        killed_by TEXT NOT NULL,
        cpu_seconds REAL,
        peak_memory_bytes INTEGER,
        read_bytes INTEGER,
        written_bytes INTEGER,
        PRIMARY KEY (container, started_ns, pid)
    ) WITHOUT ROWID;
    CREATE INDEX process_started ON process (started_us);
    CREATE INDEX process_ended ON process (ended_us, started_us);

    CREATE TABLE event (
        engine_id TEXT NOT NULL,
        time_ns INTEGER NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        action TEXT NOT NULL,
        at_us INTEGER NOT NULL,
        project TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (engine_id, time_ns, kind, id, action)
    ) WITHOUT ROWID;
    CREATE INDEX event_at ON event (at_us);
    CREATE INDEX event_id ON event (id, time_ns);
    CREATE INDEX event_project ON event (project, time_ns) WHERE project <> '';

    CREATE TABLE inspection (
        engine_id TEXT NOT NULL,
        container_id TEXT NOT NULL,
        at_us INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (engine_id, container_id, at_us)
    );
    """,
)
