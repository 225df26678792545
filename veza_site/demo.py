"""What the domains' demo rows share."""

from datetime import datetime, timedelta
from random import Random

from django.utils import timezone

EMAIL = "admin@veza.example"
PASSWORD = "veza-for-development"


def ago(random: Random, days: float, least: float = 0) -> datetime:
    """Return a random time between `days` and `least` days ago."""
    return timezone.now() - timedelta(days=random.uniform(least, days))


def digest(random: Random) -> str:
    """Return what looks like a SHA-256 in hex, the hash of nothing that exists."""
    return f"{random.getrandbits(256):064x}"
