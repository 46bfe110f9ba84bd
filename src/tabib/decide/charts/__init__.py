"""Charts of what was recorded: plots on a common grid of times, drawn as SVG. Pure."""
