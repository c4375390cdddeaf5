"""Bodies of `POST /admin/sync`: their format, and what they mean."""
