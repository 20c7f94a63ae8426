"""Your namespaces: each module here that has a SocketWrapper is served, without being listed anywhere."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from ..core import SocketWrapper


def find_namespaces() -> list[SocketWrapper[Any]]:
    """The wrappers of all modules in this folder, in the order of the modules' names.

    Raises:
        Whatever a module raises when it is imported.
    """
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    wrappers = [
        item for module in modules for item in vars(module).values() if isinstance(item, SocketWrapper)
    ]
    # Once each: a module may import another's wrapper, to send to its clients.
    return list(dict.fromkeys(wrappers))
