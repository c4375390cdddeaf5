"""What events mean, as plain data, and how two tellings of one row are merged."""
