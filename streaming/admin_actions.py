"""What staff can do to comments and playlists, by streaming's services."""

from streaming import services
from veza_site.admin.actions.row_actions import RowAction
from veza_site.admin.actions.soft_deletion import Restore, SoftDelete
from veza_site.admin.actor import get_actor_id

COMMENT_ACTIONS: list[RowAction] = [
    SoftDelete(
        lambda request, comment: services.delete_comment(
            comment_id=comment.pk, actor_id=get_actor_id(request), as_staff=True
        ),
        parent="track",
        explanation=(
            "Listeners no longer see it, and it no longer counts. Replies stay. It can be restored."
        ),
    ),
    Restore(
        lambda request, comment: services.restore_comment(
            comment_id=comment.pk, actor_id=get_actor_id(request)
        ),
        parent="track",
        explanation="Listeners see it again, and it counts again.",
    ),
]
PLAYLIST_ACTIONS: list[RowAction] = [
    SoftDelete(
        lambda request, playlist: services.delete_playlist(
            playlist_id=playlist.pk, actor_id=get_actor_id(request), as_staff=True
        ),
        explanation=(
            "Its slug is free again. It keeps its tracks, collaborators and followers, and can be"
            " restored."
        ),
    ),
    Restore(
        lambda request, playlist: services.restore_playlist(
            playlist_id=playlist.pk, actor_id=get_actor_id(request), as_staff=True
        ),
    ),
]
