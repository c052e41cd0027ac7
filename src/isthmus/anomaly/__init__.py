"""Odd rows: a detector, its scores, and the thresholds that flag them."""
