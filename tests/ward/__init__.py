"""The ward: sick and merely odd containers on the real engine, and what is expected of tabib."""
