"""What `manage.py prune` deletes here. See veza_site.pruning."""

from datetime import timedelta

from streaming.services.prune import Place, count_old_plays, prune_plays
from veza_site.pruning import Batch, Pruning


def _delete(older_than: timedelta, after: Place | None, limit: int) -> Batch:
    return Batch(*prune_plays(older_than=older_than, after=after, limit=limit))


def _count(older_than: timedelta) -> int:
    return count_old_plays(older_than=older_than)


PRUNINGS = [Pruning("track_plays", _delete, _count, "PRUNE_TRACK_PLAYS_DAYS")]
