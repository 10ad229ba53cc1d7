"""What methods that look inside networks of images ask, show and would show if there were nothing; loads no torch."""
