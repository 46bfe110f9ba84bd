"""The flight recorder's store: ``STATE_DIR/series.sqlite3``. Open it with ``store.SqliteSeries``.

How it is laid out, from the newest to the oldest::

    tick      one row a tick: all readings, as they came. What a restart rebuilds the head from
    head      the same in memory, by subject: a segment is a run of ticks within one quarter of
              an hour, in order of arrival; a clock that goes back begins a new one
    ── sealed, once a tick of another quarter came ────────────────────────────────────────────
    segment   one row a segment; that it is there means that it was sealed as a whole
    raw       a chunk a segment and subject: each reading, column-wise
    minute    a chunk a segment and subject: mean, peak and covered time of 15 minutes
    quarter   a row a segment and metric: mean, peak and covered time of all subjects
"""
