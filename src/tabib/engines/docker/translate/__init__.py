"""From the nouns to the Engine API's creation bodies.

The reference is what Docker Compose 2.40.3 sends for the same service: a test compares the
containers that both create.
"""
