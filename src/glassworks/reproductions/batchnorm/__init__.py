"""How does batch normalization help optimization? (Santurkar et al. 2018) with small networks."""
