"""Questions to the database, answered in plain data; prints nothing. May import `projector` and the recording side."""
