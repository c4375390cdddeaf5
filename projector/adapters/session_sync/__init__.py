"""Bodies of `POST /admin/sync`, logged by a server: their format, and what they mean."""

from projector.adapters.base import Adapter
from projector.adapters.session_sync import body
from projector.adapters.session_sync.wire import SOURCE

ADAPTER = Adapter(SOURCE, body.CASES, body.fallback)
