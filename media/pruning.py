"""What `manage.py prune` deletes here. See veza_site.pruning."""

from veza_site.pruning import by_age

PRUNINGS = [
    # One that was retried may have ended long after it was created.
    by_age(
        "hls_transcode_queue",
        "created_at",
        only=(
            "status IN ('completed', 'failed', 'cancelled')"
            " AND COALESCE(finished_at, updated_at)"
            " < statement_timestamp() - %(older_than)s::interval"
        ),
        setting="PRUNE_TRANSCODE_JOBS_DAYS",
        order="created_at",
    ),
    by_age(
        "bitrate_adaptation_logs",
        "created_at",
        setting="PRUNE_BITRATE_LOGS_DAYS",
        order="created_at",
    ),
]
