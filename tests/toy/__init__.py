"""A harness of another package, as small as one can be: tests put it into a directory of its own and install it."""
