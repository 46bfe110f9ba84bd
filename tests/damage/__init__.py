"""Databases under write load, damaged in every way we know: does each come back by itself, with
every acknowledged row that the incident does not call lost?"""
