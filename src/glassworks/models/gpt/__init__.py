"""GPT: its shape, its modules, and its spelling in the ecosystem."""
