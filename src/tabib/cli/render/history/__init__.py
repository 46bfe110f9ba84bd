"""Charts of what was recorded: in the terminal, and as CSV. Pure."""
