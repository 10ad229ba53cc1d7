"""What every room stands on: run directory, atomic files, errors, shared types. Imports no torch."""
