"""Recurrence: what the backbones for sequences share. Cells, layers that run them over all steps, roads."""
