"""Durable state on this machine: the journal, the vault and the folder that holds them."""
