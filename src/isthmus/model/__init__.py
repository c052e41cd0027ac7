"""A network from its parts: built, tied, stacked, started, and used."""
