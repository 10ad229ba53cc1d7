"""What a model computes: captured values, attention patterns, lenses, health."""
