"""What works and what does not, each finding with its remedy. May import maintenance, sync, queries and what they may.

Nothing here changes or prints anything.
"""
