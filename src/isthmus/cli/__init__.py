"""The command line: it uses only what `isthmus` exports. One file holds one command or a few; `main.py` runs them."""
