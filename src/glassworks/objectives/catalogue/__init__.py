"""Every loss and metric by its name, as records that load no torch."""
