"""Tables as they come: what their columns hold, as numbers for a network, and as they were on the way out."""
