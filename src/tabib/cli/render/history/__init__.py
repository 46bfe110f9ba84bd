"""Charts of what was recorded: in the terminal, as SVG, as CSV. Pure."""
