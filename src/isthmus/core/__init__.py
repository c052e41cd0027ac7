"""What everything stands on: parts and their spelling, plain values, weights before they have numbers."""
