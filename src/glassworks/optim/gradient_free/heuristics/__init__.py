"""Searches by older pictures: evolution, swarms, annealing, chance; each remembers weights and how good they were."""
