"""
The lint's rules that are this project's own; squawk has others, see .squawk.toml.

What a migration may do beside running services is on a list (`statements`), and all else is
refused. So most of these rules say why something is not on the list, and what to do instead.
"""

from dataclasses import dataclass

from veza_site.migrating.lint.kinds import SETTINGS


@dataclass(frozen=True)
class Rule:
    """Why something is refused: `what` it does to services, and what to do `instead`."""

    what: str
    instead: str

    def __str__(self) -> str:
        return f"{self.what} {self.instead}"


# No reason lifts these: they are about the migration itself.
FINAL = frozenset(["syntax-error", "one-statement", "ignore-not-needed", "reason-missing"])

# Squawk may have something more exact to say about these; their statements do only one thing.
GENERAL = frozenset(["drop", "rename", "set-schema", "not-on-the-list"])

RULES = {
    # What changes rows.
    "many-rows": Rule(
        "It changes rows that it does not name one by one, and everyone who wants to change one of "
        "them waits until the migration ends.",
        "Name the rows in WHERE by a key that schema/catalog.json has (id = …, id IN (…)), or let "
        "a command change them in batches.",
    ),
    "insert-select": Rule(
        "It inserts any number of rows in one transaction.",
        "Write the rows as VALUES, at most a hundred, or let a command insert them in batches.",
    ),
    "function-call": Rule(
        "It calls a function, contains a query, or may run a function, trigger or CHECK that this "
        "migration makes, and the lint can't see what that does or how long it takes.",
        "Write the values themselves; write rows in a later migration than the one that makes what "
        "they run.",
    ),
    "writing-cte": Rule(
        "The lint does not look into a WITH that changes rows.",
        "Write each change as a statement of its own.",
    ),
    "merge": Rule(
        "MERGE changes any number of rows.",
        "Use INSERT … ON CONFLICT, or an UPDATE that names its rows.",
    ),
    "copy": Rule(
        "COPY reads or writes data outside the migration.", "Write the rows as INSERT … VALUES."
    ),
    "truncate": Rule(
        "TRUNCATE deletes all rows without running triggers, and everyone waits, readers too.",
        "Delete the rows in batches, by a command.",
    ),
    # What locks a table for long.
    "lock-held": Rule(
        "An earlier statement of this migration holds a lock that services wait for, and this one "
        "may take long: they wait until it ends.",
        "Put the data change, the VALIDATE or the index into a migration of its own.",
    ),
    "lock-table": Rule(
        "LOCK TABLE makes the services wait until the migration ends.",
        "Leave it out: each statement takes the lock that it needs.",
    ),
    "vacuum": Rule(
        "VACUUM can't run in a transaction; VACUUM FULL rewrites the table, and everyone waits, "
        "readers too.",
        "Leave it to autovacuum, or run it by hand.",
    ),
    "cluster": Rule(
        "CLUSTER rewrites the table, and everyone waits, readers too.", "Leave it out."
    ),
    "reindex": Rule(
        "REINDEX makes writers wait, or fails half-way and leaves an invalid index.",
        "Run REINDEX INDEX CONCURRENTLY by hand: it changes nothing that migrations need to know.",
    ),
    "refresh-materialized-view": Rule(
        "REFRESH makes the view's readers wait until its query has run.",
        "Let a command refresh it, CONCURRENTLY.",
    ),
    "create-table-as": Rule(
        "It runs a query, however long that takes, and makes a table without keys and constraints.",
        "Use CREATE TABLE, and let a command fill it in batches.",
    ),
    "rewrite-table": Rule(
        "It rewrites the table, and everyone waits, readers too.",
        "Make a new table, or do it by hand when nobody is working.",
    ),
    "set-logged": Rule(
        "SET LOGGED and SET UNLOGGED rewrite the table, and everyone waits; an unlogged table is "
        "empty after a crash.",
        "Leave the table as it is.",
    ),
    "set-tablespace": Rule(
        "It copies the table or index, and everyone waits.",
        "Move it by hand when nobody is working.",
    ),
    "add-column": Rule(
        "The new column's type, default, CHECK or key makes PostgreSQL read or write the whole "
        "table, and everyone waits.",
        "Add only the column, then the constraint as NOT VALID, and VALIDATE it in a later "
        "migration.",
    ),
    # What services rely on.
    "drop": Rule(
        "Services may still use what is dropped, or rely on it.",
        "Drop it in a later migration, when no service uses it any more, and say so there.",
    ),
    "rename": Rule(
        "Services know it by its old name.", "Make a new one beside it, and drop the old one later."
    ),
    "set-schema": Rule(
        "Services look for it in its old schema.", "Make a new one, and drop the old one later."
    ),
    "replace": Rule(
        "It replaces at once what triggers and older versions of services still use.",
        "Write CREATE without OR REPLACE, under a new name if the old one exists.",
    ),
    "alter-function": Rule(
        "It changes a function at once for everyone who uses it, triggers too.",
        "Make a new function, under a new name.",
    ),
    "trigger": Rule(
        "A trigger on an existing table runs in every write of every service, and creating it "
        "waits for all writers.",
        "Create triggers with their table.",
    ),
    "ban-disable-trigger": Rule(
        "Without its triggers a table loses what services rely on, such as updated_at.",
        "Write to it with the triggers on.",
    ),
    "rewrite-rule": Rule(
        "A rule rewrites the statements that services send.", "Change the services instead."
    ),
    "row-level-security": Rule(
        "With row-level security, services see and change only the rows that policies allow, and "
        "without a policy none.",
        "Try it with every service first, and say so.",
    ),
    "inherits": Rule(
        "A child or partition adds rows to a table that services read, or takes them away.",
        "Make a separate table.",
    ),
    "replica-identity": Rule(
        "Subscribers know rows by the replica identity, and writes fail without one.",
        "Leave it as it is.",
    ),
    "alter-table": Rule(
        "This form of ALTER TABLE is not among those known to be safe beside running services.",
        "See CONTRIBUTING.md, “Changing a table”.",
    ),
    "if-not-exists": Rule(
        "IF NOT EXISTS accepts whatever has the name: a different table, an invalid index.",
        "Write CREATE without it: a migration is applied completely or not at all.",
    ),
    "temporary": Rule(
        "A temporary table or view hides whatever else has its name.",
        "Do without it, or let a command do the work.",
    ),
    "system-catalog": Rule(
        "It changes PostgreSQL's own tables behind its back.", "Use the DDL statement for that."
    ),
    "comment-on-schema": Rule(
        "The comment on a schema is the contract, which migrate writes and services read.",
        "Leave it out.",
    ),
    # Rights, and what belongs to the server.
    "revoke": Rule(
        "Services that use the right fail at their next statement.",
        "Revoke it when no service uses it any more, and say so.",
    ),
    "owner": Rule(
        "A new owner has different rights, and the role that migrates may lose its own.",
        "Leave owners to whoever sets up the server.",
    ),
    "default-privileges": Rule(
        "It changes the rights on everything that this role makes later, but no other role.",
        "Write a GRANT for each table.",
    ),
    "roles": Rule(
        "Roles belong to the server, not to this database.",
        "Leave them to whoever sets up the server.",
    ),
    "server-setting": Rule(
        "It changes a setting for all sessions, or the database itself.",
        "Leave it to whoever sets up the server.",
    ),
    "session-setting": Rule(
        "It changes how this session works: which table a name means, whether triggers run, how "
        "long others wait. Without LOCAL it also applies to later migrations.",
        "Leave it out. SET LOCAL, which ends with the migration, may set "
        + ", ".join(f"{name} to {values}" for name, (_, values) in SETTINGS.items())
        + ".",
    ),
    "event-trigger": Rule(
        "An event trigger runs in everyone's DDL, migrate's too.", "Leave it out."
    ),
    "publication": Rule(
        "It changes what subscribers get.", "Leave it to whoever sets up replication."
    ),
    "extension": Rule(
        "Not every server has every extension, or lets this role create or change it.",
        "Leave it to whoever sets up the server.",
    ),
    # What can't be read.
    "do-block": Rule(
        "The lint can't read what a DO block does, or whom it makes wait.",
        "Write its statements without the block.",
    ),
    "call": Rule(
        "The lint can't read what CALL, EXECUTE and the like run.",
        "Write the statements themselves.",
    ),
    "select": Rule(
        "All that a SELECT changes it changes through functions that it calls and rows that it "
        "locks, and the lint can't see which.",
        "Write the statements themselves, or leave it out.",
    ),
    "run-python": Rule(
        "The lint can't read what Python does, or whom it makes wait; nor an operation that is not "
        "Django's own.",
        "Write it as RunSQL, or as a command that works in batches.",
    ),
    "transaction-control": Rule(
        "It ends the migration's transaction or works around it: an error would leave half of the "
        "migration applied.",
        "Leave it out: migrate runs each migration in a transaction.",
    ),
    "not-on-the-list": Rule(
        "This statement is not among those known to be safe beside running services.",
        "See CONTRIBUTING.md, “Changing a table”.",
    ),
    "not-read-by-squawk": Rule(
        "PostgreSQL can read it, but squawk can't, and has not judged it.",
        "Write it differently, or say why it is safe.",
    ),
    # The migration itself.
    "syntax-error": Rule("PostgreSQL 18 can't read it.", "Correct it."),
    "one-statement": Rule(
        "It is not atomic and has several statements: after an error between two of them it could "
        "not run again.",
        "Write a migration for each statement.",
    ),
    "reason-missing": Rule(
        "It asks to ignore a rule and gives no reason.",
        "Write the reason: “lint-ignore RULE: reason”.",
    ),
    "ignore-not-needed": Rule(
        "It asks to ignore a rule that nothing here breaks.",
        "Remove it, or put it directly before the statement or operation that it belongs to.",
    ),
}
