"""Model files that cannot hurt: safetensors whose header is plain JSON."""
