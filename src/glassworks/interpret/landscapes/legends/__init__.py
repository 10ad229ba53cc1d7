"""The legends of landscapes: what each asks, shows, and would show if there were nothing."""
