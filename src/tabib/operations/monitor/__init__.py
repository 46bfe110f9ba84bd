"""The flight recorder: what is read of containers while all is well."""
