"""The replay side: the log in, rows out. What a harness's payloads mean is known here and nowhere else."""
