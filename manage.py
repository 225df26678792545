#!/usr/bin/env python
"""Django's command line, with errors of the environment told in one line."""

import os
import sys

from django.core.management import execute_from_command_line

from veza_site.errors import exit_in_one_line


def main() -> None:
    """Run the command of the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    with exit_in_one_line(traceback="--traceback" in sys.argv):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
