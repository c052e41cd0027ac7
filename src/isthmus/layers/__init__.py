"""Layers and networks that several parts are made of."""
