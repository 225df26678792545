"""
What a storm is made of, in a module for each domain.

`prepare(rows)` makes few rows, so that the threads meet on them, and returns them as a world of
any kind; `act(world, random)` does something with it. A refusal is fine, any other error is not.
`prepare_many(rows)` and `sweep(world, random)`, where a module has them, are the same for what
locks many rows.
"""
