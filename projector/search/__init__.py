"""The full-text index. May import `projector.store`."""
