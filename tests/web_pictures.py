"""Takes the README's pictures of `clankers web`, of the demo's day: `python -m tests.web_pictures`."""

import os
import subprocess
import tempfile
from pathlib import Path

from clankers.cli.demo import DAY
from tests.e2e.machine import CLIENTS
from tests.golden import GOLDEN
from tests.talks import demo
from tests.test_screenshots import LOG
from tests.web_serving import WebServer

PICTURES = GOLDEN / "pictures"
SESSION = "/sessions/4fc59138-cf1b-4741-a0c3-77db67ea9fb2"
PAGES = {
    "web-overview": "/overview",
    "web-sessions": "/sessions",
    "web-session": SESSION,
    "web-search": "/search?q=total",
    "web-tools": "/tools",
    "web-files": "/files",
    "web-errors": "/errors",
    "web-models": "/models",
    "web-ask": "/ask?sql=select+source,+count(*)+as+calls+from+tools+group+by+1+order+by+2+desc",
    "web-health": "/health",
}


def main() -> None:
    """Start the server on the demo's day and the browser, and take one picture of each page."""
    os.environ["TZ"] = "UTC"
    with tempfile.TemporaryDirectory() as place, WebServer(demo(Path(place) / "data", LOG, DAY)) as server:
        pages = [text for page in PAGES.items() for text in page]
        script = Path(__file__).with_suffix(".mjs")
        subprocess.run(
            ["node", str(script), str(CLIENTS / "browser"), server.address(), str(PICTURES), *pages], check=True
        )


if __name__ == "__main__":
    main()
