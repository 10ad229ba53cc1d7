"""Reading a GPT: lenses, heads, attribution, the state of its layers."""
