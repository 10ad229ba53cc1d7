"""An agent's page."""
