"""Claude Code: how it is installed, and how its transcripts are read."""
