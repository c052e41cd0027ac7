"""A room: tables to read. One file is one kind; the contract stands in `contracts.py`."""
