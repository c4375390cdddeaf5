"""What is asked of the database, answered in plain data; prints nothing."""
