"""
Stops the embedded server once no process uses it: embedded.py runs this for each command.

It goes on in the background, because a command that is killed can't stop anything. Nothing else
does it: PostgreSQL has no setting to stop without clients, and the package counts processes but
never forgets those that were killed. It imports only Python's own modules, so that it costs a
command 0.05 s of CPU and stays in memory with 9 MB.
"""

import fcntl
import os
import subprocess
import sys


def main(lock: str, data_directory: str, pg_ctl: str) -> None:
    """Return at once; in the background wait until nobody holds `lock`, then stop the server."""
    if os.fork():
        return
    os.setsid()  # Ctrl-C in the command's terminal does not end this
    with open(lock) as users, open(f"{lock}.watch", "w") as watching:
        try:
            fcntl.flock(watching, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another one watches
        fcntl.flock(users, fcntl.LOCK_EX)
        stop(pg_ctl, data_directory)
        # While nobody can take `lock`: so the next command's watcher finds its place free.
        fcntl.flock(watching, fcntl.LOCK_UN)


def stop(pg_ctl: str, data_directory: str) -> None:
    """Stop the server of `data_directory` if it runs, and return when it has ended."""
    # As the user who runs the server: PostgreSQL refuses to be run by root.
    owner = os.stat(data_directory).st_uid if os.path.exists(data_directory) else None
    subprocess.run(
        [pg_ctl, "-D", data_directory, "-w", "-m", "fast", "stop"],
        user=owner,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
