#!/bin/sh
cd "$(dirname "$0")/.." && exec .venv/bin/python manage.py reset_db "$@"
