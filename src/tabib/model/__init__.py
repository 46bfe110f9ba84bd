"""Nouns: frozen dataclasses, units and the error tree. Imports nothing else of tabib."""
