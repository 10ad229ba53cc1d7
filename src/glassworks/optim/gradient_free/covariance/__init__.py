"""Searches that learn a normal distribution's covariance from ranks: CMA-ES, full, separable and of limited memory."""
