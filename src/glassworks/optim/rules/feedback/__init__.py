"""Rules that send errors back by other weights than those the signal came by."""
