"""Tasks whose answers are programs: they are run in the sandbox on inputs, and judged by what they return."""
