"""Tasks: what is asked, how an answer is scored, and what the scores of many come to."""
