"""Records what AI coding agents do, on this machine, and loses nothing.

The recording side: events in, log lines out. What the lines mean is the business of the package `projector`.
"""

__version__ = "0.1.0"
