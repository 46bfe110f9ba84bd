"""The face: arguments, rendering and exit codes. Speaks only to the client and the loader."""
