"""`clankers serve`: logs what other machines send. May import queries, render, sync and what they may.

A request is answered with 200 only once its line is on the disk. The log is one like any other: in the data root of the
server, from which every command makes a database and shows it.
"""
