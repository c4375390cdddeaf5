"""What follows from the rows of a batch: totals, activity, forks, prices."""
