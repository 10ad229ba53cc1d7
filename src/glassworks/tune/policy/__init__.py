"""Policies from rewards: completions of the model as it stands, what they are worth, and steps towards better ones."""
