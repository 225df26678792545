#!/bin/sh
# Print the path of a Python 3.12 or newer, the version that the project is developed on first.
for python in python3.13 python3 python3.14 python3.12 python \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python; do
    "$python" -c 'import sys, venv, ensurepip; sys.version_info < (3, 12) and sys.exit(1)' \
        2>/dev/null && exec "$python" -c 'import sys; print(sys.executable)'
done
echo "Python 3.12 or newer (with venv) is needed, and none was found. Install it, or name it:" >&2
echo "make PYTHON=/path/to/python3.13 …" >&2
exit 1
