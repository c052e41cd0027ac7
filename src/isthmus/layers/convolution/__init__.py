"""Convolution: what the backbones for images share. Images, layers over them, blocks with shortcuts."""
