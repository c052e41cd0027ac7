"""Densities over rows of numbers: normal, correlated, mixed, binned; the likelihoods give their settings."""
