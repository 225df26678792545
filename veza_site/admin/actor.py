"""Who is at the other end of a request."""

from uuid import UUID

from django.http import HttpRequest


def get_actor_id(request: HttpRequest) -> UUID:
    """Return the key of the user who sent the request; the admin lets nobody else in."""
    key = request.user.pk
    assert key is not None
    return key
