"""The end of a user's access, in the database and on every open connection."""

from typing import Final

from . import services
from .namespaces import find_namespaces

# The field of UserMetadata that guarded namespaces know their clients by: see app/middlewares.py.
_USER_KEY: Final = "user_id"


async def delete_user(user_id: str) -> bool:
    """Delete a user, and end all connections. Whether there was such a user."""
    deleted = await services.users().delete(user_id)
    await _disconnect(user_id, code="user_deleted", message="This user does not exist any more")
    return deleted


async def disable_user(user_id: str) -> bool:
    """Refuse a user from now on, and end all connections. Whether there is such a user.

    `services.users().disable(user_id, disabled=False)` takes it back.
    """
    disabled = await services.users().disable(user_id)
    await _disconnect(user_id, code="user_disabled", message="This user is disabled")
    return disabled


async def _disconnect(user_id: str, *, code: str, message: str) -> None:
    for wrapper in find_namespaces():
        if wrapper.client_connection_key == _USER_KEY:
            await wrapper.disconnect_client(user_id, code=code, message=message)
