"""Recurrence: cells, layers that run them over all steps, and the encoders and decoders made of them."""
