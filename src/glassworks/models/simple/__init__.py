"""Small networks of lectures: next-character MLPs and their trees."""
