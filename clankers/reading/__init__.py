"""A session as people read it, and the forms in which it is shown and taken elsewhere."""
