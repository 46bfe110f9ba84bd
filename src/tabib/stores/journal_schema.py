"""The journal's tables. One string is one migration: append, never change what was released.

Instants are microseconds since 1970 UTC; bodies are the JSON of the noun.
"""

MIGRATIONS = (
    """
    CREATE TABLE entry (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        engine_id TEXT NOT NULL,
        project TEXT NOT NULL,
        operation TEXT NOT NULL,
        subject TEXT NOT NULL,
        data BLOB NOT NULL
    );
    CREATE INDEX entry_project ON entry (engine_id, project, seq);
    CREATE INDEX entry_operation ON entry (operation, seq) WHERE operation <> '';
    CREATE INDEX entry_at ON entry (at);

    CREATE TABLE release (
        engine_id TEXT NOT NULL,
        project TEXT NOT NULL,
        number INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (engine_id, project, number)
    );

    CREATE TABLE care (
        engine_id TEXT NOT NULL,
        project TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (engine_id, project)
    ) WITHOUT ROWID;

    CREATE TABLE case_file (
        id TEXT PRIMARY KEY,
        sealed_at INTEGER NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX case_file_sealed ON case_file (sealed_at);

    CREATE TABLE incident (
        id TEXT PRIMARY KEY,
        opened_at INTEGER NOT NULL,
        closed_at INTEGER,
        engine_id TEXT NOT NULL,
        project TEXT NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX incident_opened ON incident (opened_at);
    CREATE INDEX incident_open ON incident (opened_at) WHERE closed_at IS NULL;

    CREATE TABLE incident_case (
        case_id TEXT NOT NULL,
        incident_id TEXT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
        PRIMARY KEY (case_id, incident_id)
    ) WITHOUT ROWID;

    CREATE TABLE last_seen (
        engine_id TEXT NOT NULL,
        container_id TEXT NOT NULL,
        project TEXT NOT NULL,
        seen_at INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (engine_id, container_id)
    );

    CREATE TABLE lease (
        scope TEXT PRIMARY KEY,
        token INTEGER NOT NULL,
        holder TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE fence (token INTEGER NOT NULL);

    CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE notice (
        id TEXT PRIMARY KEY,
        destination TEXT NOT NULL,
        incident TEXT NOT NULL,
        at INTEGER NOT NULL,
        settled_at INTEGER,
        body BLOB NOT NULL,
        told BLOB
    ) WITHOUT ROWID;
    CREATE INDEX notice_pending ON notice (destination, at) WHERE settled_at IS NULL;
    CREATE INDEX notice_settled ON notice (settled_at) WHERE settled_at IS NOT NULL;

    CREATE TABLE destination (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE snapshot (
        id TEXT PRIMARY KEY,
        engine_id TEXT NOT NULL,
        project TEXT NOT NULL,
        taken_at INTEGER NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX snapshot_project ON snapshot (engine_id, project, taken_at);

    CREATE TABLE identity (
        engine_id TEXT NOT NULL,
        project TEXT NOT NULL,
        dataset TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (engine_id, project, dataset)
    ) WITHOUT ROWID;
    """,
)
