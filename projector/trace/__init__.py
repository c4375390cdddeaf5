"""Which row comes from which line, and back."""
