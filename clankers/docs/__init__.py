"""The reference, as Markdown files; imports nothing."""
