"""aider: how the chat history in a repository is read. It has no hooks."""
