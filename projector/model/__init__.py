"""What events mean, as plain data, and how two reports of one row are merged. May import `clankers.log`."""
