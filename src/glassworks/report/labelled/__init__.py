"""What a report says of a run on labelled data: its score, its classes, its mistakes, what it sees."""
