"""Agents: from an environment to a policy, by its own experience. One room a kind of run, as the others are."""
