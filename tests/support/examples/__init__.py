"""
An example call of every service, in a module for each domain: see services.examples_of.

They are interrupted at every statement, their statements are counted with few rows and with many,
and their SQL is in docs/transactions.md.
"""
