"""What the writer and the readers of `activity` share: its buckets of a quarter of an hour, and token weights."""

BUCKET_MS = 900_000  # a quarter of an hour: in every time zone, days begin with a bucket

# By which a bill is divided among messages without costs of their own, in proportion to most prices.
WEIGHTS = {"prompt_tokens": 20, "completion_tokens": 100, "cache_read_tokens": 2, "cache_write_tokens": 25}


def bucket_start(at: str) -> str:
    """SQL for the start of the bucket that holds the SQL expression `at`, both in epoch milliseconds."""
    return f"{at} / {BUCKET_MS} * {BUCKET_MS}"


def token_weight(message: str) -> str:
    """SQL for the total weight of the tokens of the row `message`."""
    return "(" + " + ".join(f"{each} * ifnull({message}.{kind}, 0)" for kind, each in WEIGHTS.items()) + ")"
