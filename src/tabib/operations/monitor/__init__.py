"""The flight recorder's work: samples, process records, logs and events of one engine, kept."""
