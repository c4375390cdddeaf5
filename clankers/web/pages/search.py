"""Search in what was said and done, as one types: the last word may be a beginning."""

from threading import Lock, Thread

from msgspec import Struct

from clankers import paths
from clankers.queries.connect import silent
from clankers.queries.filters import Filters
from clankers.queries.search import Hit, search
from clankers.web.page import Asked, Page

_HITS = 60
_LONGEST = 300  # characters of a question
_PATIENCE = 2.0  # seconds for an answer; making the index of a large database takes longer


class HitGroup(Struct, frozen=True):
    """The hits of a session, the best first."""

    session_id: str
    title: str | None
    source: str
    project_name: str | None
    hits: list[Hit]


class SearchData(Struct, kw_only=True):
    """What was found.

    Attributes:
        asked: whether there is a question.
        groups: the session with the best hit first; None while the index is made.
        indexed: how many sessions are in the index so far, while it is made.
        limited: whether there may be more hits.
    """

    asked: bool
    groups: list[HitGroup] | None
    indexed: int
    limited: bool


class _Search(Thread):
    """One search, which may have to make the index first."""

    def __init__(self, words: list[str], chosen: Filters) -> None:
        super().__init__(daemon=True)
        self._asked = (words, chosen)
        self._found: list[Hit] | BaseException | None = None
        self.indexed = 0
        self.start()

    def run(self) -> None:
        try:
            self._found = search(paths.database_path(), *self._asked, _HITS, progress=self._count, note=silent)
        except BaseException as e:  # noqa: BLE001 (raised by `answer`)
            self._found = e

    def answer(self, seconds: float) -> list[Hit] | None:
        """What it found; None: it is still at work.

        Raises:
            ClankersError: it cannot be looked for.
        """
        self.join(seconds)
        if isinstance(self._found, BaseException):
            raise self._found
        return self._found

    def _count(self, sessions: int) -> None:
        self.indexed += sessions


class _Index:
    """Lets one search at a time make the index; others are told how far it is."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._making: _Search | None = None

    def search(self, words: list[str], chosen: Filters) -> tuple[list[Hit] | None, int]:
        """The hits, and None while the index is made: then how many sessions are in it."""
        with self._lock:
            if self._making and self._making.is_alive():
                return None, self._making.indexed
        one = _Search(words, chosen)
        found = one.answer(_PATIENCE)
        if found is None:
            with self._lock:
                self._making = one
        return found, one.indexed


_INDEX = _Index()


def find(asked: Asked) -> SearchData:
    """The messages and calls that have all words of `q`.

    Raises:
        UsageError: a wrong filter.
    """
    words = asked.one("q")[:_LONGEST].split()
    if not any(character.isalnum() for word in words for character in word):
        return SearchData(asked=bool(words), groups=[], indexed=0, limited=False)
    text = " ".join(words)
    if text.count('"') % 2 == 0 and text[-1].isalnum():
        text += "*"  # more of it may be typed
    found, indexed = _INDEX.search([text] if '"' in text else text.split(), asked.filters)
    groups: dict[str, HitGroup] = {}
    for hit in found or ():
        group = HitGroup(hit.session_id, hit.title, hit.source, hit.project_name, [])
        groups.setdefault(hit.session_id, group).hits.append(hit)
    return SearchData(
        asked=True,
        groups=None if found is None else list(groups.values()),
        indexed=indexed,
        limited=found is not None and len(found) == _HITS,
    )


PAGE = Page(
    "/search",
    "search.html",
    find,
    "Search",
    filtered=True,
    parameters={"q": "The words to find; the last may be a beginning."},
)
