"""The exchangeable parts: a folder for each kind, a file for each variant."""
