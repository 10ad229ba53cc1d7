"""Environments: what an agent acts in, many at once, by name. Ours are compiled; gymnasium's come through an extra."""
