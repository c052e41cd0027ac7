"""Compression to bytes and back: values to whole numbers within an error, whole numbers to bytes by what is likely."""
