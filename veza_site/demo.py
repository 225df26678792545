"""What the demo rows of all domains use."""

from datetime import datetime, timedelta
from random import Random

from django.utils import timezone

EMAIL = "admin@veza.example"
PASSWORD = "veza-for-development"


def ago(random: Random, days: float, least: float = 0) -> datetime:
    """Return a random time between `days` and `least` days ago."""
    return timezone.now() - timedelta(days=random.uniform(least, days))


def digest(random: Random) -> str:
    """Return 64 random hex digits that look like a SHA-256."""
    return f"{random.getrandbits(256):064x}"
