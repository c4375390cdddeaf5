"""What those who write `activity` and who add it up have in common: its quarters of an hour, and what tokens weigh."""

BUCKET_MS = 900_000  # milliseconds: the days of every time zone begin on one

# By which a bill is spread where messages do not tell what they cost: as most prices relate.
WEIGHTS = {"prompt_tokens": 20, "completion_tokens": 100, "cache_read_tokens": 2, "cache_write_tokens": 25}


def bucket_start(at: str) -> str:
    """When the quarter of an hour began in which the expression `at` (epoch milliseconds) lies."""
    return f"{at} / {BUCKET_MS} * {BUCKET_MS}"


def token_weight(of: str) -> str:
    """What the tokens of the message `of` weigh together."""
    return "(" + " + ".join(f"{each} * ifnull({of}.{kind}, 0)" for kind, each in WEIGHTS.items()) + ")"
