"""An HTTP server on a socket of ours: listening, TLS, limits on connections, signals. Imports `errors`.

The applications are others': `serve` and `web` have one each.
"""
