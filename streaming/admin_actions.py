"""What staff can do to comments and playlists, by streaming's services."""

from django.db import models
from django.http import HttpRequest

from streaming import services
from streaming.models import Track
from veza_site.admin.actions.row_actions import RestoreEach, RowAction, SoftDeleteEach


class UnderTrack(RowAction):
    """An action on children of tracks, whose services lock the track before the child."""

    order = ("track_id",)

    def lock(self, rows: models.QuerySet) -> models.QuerySet:
        tracks = Track.objects.filter(pk__in=list(rows.values_list("track_id", flat=True)))
        list(tracks.select_for_update(no_key=True).order_by("pk").values_list("pk"))
        return super().lock(rows)


class SoftDeleteComment(UnderTrack, SoftDeleteEach):
    explanation = "It is shown and counted no longer, and can be restored. Its replies stay."

    def soft_delete(self, request: HttpRequest, row: models.Model) -> None:
        services.delete_comment(comment_id=row.pk, actor_id=request.user.pk, as_staff=True)


class RestoreComment(UnderTrack, RestoreEach):
    explanation = "What was soft-deleted is shown and counted again."

    def restore(self, request: HttpRequest, row: models.Model) -> None:
        services.restore_comment(comment_id=row.pk, actor_id=request.user.pk)


class SoftDeletePlaylist(SoftDeleteEach):
    explanation = "Its slug is free again; its tracks, collaborators and followers stay with it."

    def soft_delete(self, request: HttpRequest, row: models.Model) -> None:
        services.delete_playlist(playlist_id=row.pk, actor_id=request.user.pk, as_staff=True)


class RestorePlaylist(RestoreEach):
    def restore(self, request: HttpRequest, row: models.Model) -> None:
        services.restore_playlist(playlist_id=row.pk, actor_id=request.user.pk, as_staff=True)


COMMENT_ACTIONS: list[RowAction] = [SoftDeleteComment(), RestoreComment()]
PLAYLIST_ACTIONS: list[RowAction] = [SoftDeletePlaylist(), RestorePlaylist()]
