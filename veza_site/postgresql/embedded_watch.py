"""
Stop the embedded server once no process uses it: embedded.py runs this for each command.

It goes on in the background, since a command that is killed can't stop anything, and imports
nothing but Python's own modules, to start quickly and stay small.
"""

import fcntl
import os
import subprocess
import sys


def main(lock: str, data_directory: str, pg_ctl: str) -> None:
    """Return, and in the background wait until nobody holds `lock`, then stop the server."""
    if os.fork():
        return
    os.setsid()  # what ends the command from its terminal does not end this
    with open(lock) as users, open(f"{lock}.watch", "w") as watching:
        try:
            fcntl.flock(watching, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another one watches
        fcntl.flock(users, fcntl.LOCK_EX)
        stop(pg_ctl, data_directory)
        # Here, while nobody can take `lock`: the next command's own watcher finds its place free.
        fcntl.flock(watching, fcntl.LOCK_UN)


def stop(pg_ctl: str, data_directory: str) -> None:
    """Stop the server of `data_directory`, if it runs, and return when it has ended."""
    # As the user whose server it is: PostgreSQL refuses to be run by root.
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
