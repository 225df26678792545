"""
The rules of the lint that are this project's own; squawk has others, see .squawk.toml.

What a migration may do beside running services is a list (`statements`), and what is not on it is
refused. So most of these rules only say why something is not on the list, and what to do instead.
"""

from dataclasses import dataclass

from veza_site.migrating.lint.kinds import SETTINGS


@dataclass(frozen=True)
class Rule:
    """Why something is refused: `what` it does to the services, and what to do `instead`."""

    what: str
    instead: str

    def __str__(self) -> str:
        return f"{self.what} {self.instead}"


# Those that no reason in the migration lifts: they are about the migration itself.
FINAL = frozenset(["syntax-error", "one-statement", "ignore-not-needed", "reason-missing"])

# Those of statements that do one thing only, and which squawk may have a more exact word about.
GENERAL = frozenset(["drop", "rename", "set-schema", "not-on-the-list"])

RULES = {
    # What changes rows.
    "many-rows": Rule(
        "It changes more rows than it names, and everyone who wants to change one of them waits "
        "until the migration ends.",
        "Name the rows in WHERE by a key that schema/catalog.json has (id = …, id IN (…)), or let "
        "a command change them in batches.",
    ),
    "insert-select": Rule(
        "It inserts as many rows as it finds, in one transaction.",
        "Write the rows as VALUES, a hundred at most, or let a command insert them in batches.",
    ),
    "function-call": Rule(
        "It calls a function or runs a query within, or may run a function, trigger or CHECK that "
        "this migration makes; and the lint can't see what that does or how long it takes.",
        "Write the values themselves; write rows in a later migration than what they would run.",
    ),
    "writing-cte": Rule(
        "A WITH that changes rows is not looked into.",
        "Write what it does as statements of their own.",
    ),
    "merge": Rule(
        "MERGE changes as many rows as it finds.",
        "Use INSERT … ON CONFLICT or an UPDATE, for rows that it names.",
    ),
    "copy": Rule(
        "COPY reads or writes what is not in the migration.", "Write the rows as INSERT … VALUES."
    ),
    "truncate": Rule(
        "TRUNCATE deletes all rows, runs no trigger for them, and everyone waits, readers too.",
        "Delete the rows in batches, by a command.",
    ),
    # What locks a table for long.
    "lock-held": Rule(
        "An earlier statement of this migration holds a lock that services wait for, and this one "
        "may take its time: they wait until it ends.",
        "Put the data change into a migration of its own; and a VALIDATE or an index too.",
    ),
    "lock-table": Rule(
        "LOCK TABLE makes the services wait until the migration ends.",
        "Leave it out: each statement takes the lock that it needs.",
    ),
    "vacuum": Rule(
        "VACUUM can't run in a transaction; VACUUM FULL writes the table anew, and everyone waits, "
        "readers too.",
        "Leave it to autovacuum, or run it by hand.",
    ),
    "cluster": Rule(
        "CLUSTER writes the table anew, and everyone waits, readers too.", "Leave it out."
    ),
    "reindex": Rule(
        "REINDEX makes those who write wait, or fails half-way and leaves an invalid index.",
        "Run REINDEX INDEX CONCURRENTLY by hand; it changes nothing that a migration has to know.",
    ),
    "refresh-materialized-view": Rule(
        "REFRESH makes those who read the view wait until its query has run.",
        "Let a command refresh it, CONCURRENTLY.",
    ),
    "create-table-as": Rule(
        "It runs a query for as long as that takes, and makes a table without keys and "
        "constraints.",
        "Use CREATE TABLE, and let a command fill it in batches.",
    ),
    "rewrite-table": Rule(
        "It writes the table anew, and everyone waits, readers too.",
        "Make a new table, or do it by hand when nobody works.",
    ),
    "set-logged": Rule(
        "SET LOGGED and SET UNLOGGED write the table anew, and everyone waits; an unlogged table "
        "is empty after a crash.",
        "Leave the table as it is.",
    ),
    "set-tablespace": Rule(
        "It copies the table or index, and everyone waits.", "Move it by hand when nobody works."
    ),
    "add-column": Rule(
        "The new column's type, default, CHECK or key makes PostgreSQL read or write the whole "
        "table, and everyone waits.",
        "Add the column alone; then the constraint as NOT VALID, and VALIDATE it in a later "
        "migration.",
    ),
    # What services rely on.
    "drop": Rule(
        "Services may still use what is dropped, or rely on it.",
        "Drop it in a later migration, when no service uses it any more, and say so.",
    ),
    "rename": Rule(
        "Services know it by its old name.", "Make a new one beside it, and drop the old one later."
    ),
    "set-schema": Rule(
        "Services look for it where it was.", "Make a new one there, and drop the old one later."
    ),
    "replace": Rule(
        "What is there is replaced at once for all who use it, also for triggers and for services "
        "in the older version.",
        "Write CREATE without OR REPLACE, under a new name where the old one exists.",
    ),
    "alter-function": Rule(
        "It changes a function at once for all who use it, triggers too.",
        "Make a new function, under a new name.",
    ),
    "trigger": Rule(
        "A trigger on a table that exists runs in every write of every service, and creating it "
        "waits for all who write.",
        "Create triggers with their table.",
    ),
    "ban-disable-trigger": Rule(
        "Without its triggers a table no longer keeps what services rely on, such as updated_at.",
        "Write to it with the triggers on.",
    ),
    "rewrite-rule": Rule(
        "A rule makes another statement of what a service sends.", "Leave it to the services."
    ),
    "row-level-security": Rule(
        "With row-level security, services see and change only the rows that policies name: none, "
        "where there is no policy.",
        "Try it with every service first, and say so.",
    ),
    "inherits": Rule(
        "A child or partition adds its rows to a table that services read, or takes them away.",
        "Make tables of their own.",
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
        "IF NOT EXISTS takes what is there for what it should be: another table, an invalid index.",
        "Write CREATE without it: a migration is applied whole or not at all.",
    ),
    "temporary": Rule(
        "A temporary table or view hides what has the same name.",
        "Do without it, or let a command do the work.",
    ),
    "system-catalog": Rule(
        "It changes PostgreSQL's own tables behind its back.", "Use the DDL statement for it."
    ),
    "comment-on-schema": Rule(
        "The comment on a schema is where services read the contract, and migrate writes it.",
        "Leave it out.",
    ),
    # Rights, and what belongs to the server.
    "revoke": Rule(
        "Services that use the right fail at their next statement.",
        "Revoke it when no service uses it any more, and say so.",
    ),
    "owner": Rule(
        "Another owner has other rights, and the role that migrates may lose its own.",
        "Leave owners to whoever sets up the server.",
    ),
    "default-privileges": Rule(
        "It changes the rights of all that is made later, by this role only.",
        "Write GRANT for each table.",
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
        "It changes how this session works: which tables a name means, whether triggers run, how "
        "long others wait; without LOCAL, in the migrations after this one too.",
        "Leave it out. SET LOCAL, which ends with the migration, may set "
        + ", ".join(f"{name} to {values}" for name, (_, values) in SETTINGS.items())
        + ".",
    ),
    "event-trigger": Rule(
        "An event trigger runs in the DDL of everyone, migrate included.", "Leave it out."
    ),
    "publication": Rule(
        "It changes what subscribers get.", "Leave it to whoever sets up replication."
    ),
    "extension": Rule(
        "Not every server offers every extension, nor lets this role create or change it.",
        "Leave it to whoever sets up the server.",
    ),
    # What can't be read.
    "do-block": Rule(
        "What a DO block does, and whom it makes wait, can't be read by the lint.",
        "Write its statements as they are, without it.",
    ),
    "call": Rule(
        "What CALL, EXECUTE and their like run can't be read by the lint.",
        "Write the statements themselves.",
    ),
    "select": Rule(
        "A SELECT changes nothing but by the functions that it calls and the rows that it locks, "
        "and the lint can't see which.",
        "Write the statements themselves, or leave it out.",
    ),
    "run-python": Rule(
        "What Python does, and whom it makes wait, can't be read by the lint; nor can an operation "
        "that is not Django's own.",
        "Write it as RunSQL, or as a command that works in batches.",
    ),
    "transaction-control": Rule(
        "It ends the migration's transaction, or works around it: after an error half of the "
        "migration would be left.",
        "Leave it out: migrate makes a transaction of each migration.",
    ),
    "not-on-the-list": Rule(
        "This statement is not among those known to be safe beside running services.",
        "See CONTRIBUTING.md, “Changing a table”.",
    ),
    "not-read-by-squawk": Rule(
        "PostgreSQL can read it, but squawk can't, and has not judged it.",
        "Write it in another way, or say why it is safe.",
    ),
    # The migration itself.
    "syntax-error": Rule("PostgreSQL 18 can't read it.", "Mend it."),
    "one-statement": Rule(
        "It is not atomic, and has more than one statement: after an error between two it could "
        "not be run again.",
        "Write a migration for each.",
    ),
    "reason-missing": Rule(
        "It wants to have a rule ignored, and gives no reason.",
        "Write it: “lint-ignore RULE: reason”.",
    ),
    "ignore-not-needed": Rule(
        "It wants to have a rule ignored that nothing here breaks.",
        "Take it out, or put it directly before the statement or operation that it is about.",
    ),
}
