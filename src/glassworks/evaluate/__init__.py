"""How good a model is, beside the baselines it must beat."""
