"""What the flight recorder knows, asked for by people: one file a question."""
