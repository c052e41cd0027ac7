"""The command line: a guest who uses only the public face. One file is one story; `main.py` is the door."""
