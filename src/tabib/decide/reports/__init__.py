"""Reports: an incident, or a project's days, as a page (HTML) and as text (Markdown). Pure.

``incident.page`` and ``summary.summarise`` turn nouns into what is to be said, with every text of a
stranger cleaned and bounded (``text``); ``html`` and ``markdown`` only set it.
"""
