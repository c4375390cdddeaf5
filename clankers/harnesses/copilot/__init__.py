"""GitHub Copilot CLI: how its hooks are installed, and how its event logs are read."""
