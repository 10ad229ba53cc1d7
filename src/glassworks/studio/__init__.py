"""The studio: a web page on this machine where a person sees and touches their own runs and models."""
