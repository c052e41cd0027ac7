"""Distributions over rows, as the heads of likelihoods answer with."""
