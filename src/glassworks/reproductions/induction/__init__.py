"""Induction heads: two layers of attention learn to continue what they have seen."""
