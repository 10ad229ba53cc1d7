"""What the methods that read a GPT ask and show, in words; no torch."""
