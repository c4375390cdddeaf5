"""The full-text index. May import `projector.store` and what it may."""
