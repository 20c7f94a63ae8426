"""The interpreter of a project's environment: whose it is, whether it is there, whether it starts."""

from __future__ import annotations

from pathlib import Path

from macchiato_cli.environment import install_commands, venv_python
from macchiato_cli.errors import MacchiatoError, reason_of
from macchiato_cli.ownership import check_ours


def project_python(root: Path, *, again: str) -> Path:
    """The interpreter that everything of the project's runs in.

    Args:
        again: The command that needs it, to be typed once it is there.

    Raises:
        MacchiatoError: The project has no environment.
        Refused: The environment is somebody else's.
    """
    check_ours(root, ".venv", str(venv_python().parent), str(venv_python()))
    python = venv_python(root)
    if not python.is_file():
        from macchiato_cli.setup import enter

        raise MacchiatoError(
            "this project has no environment yet: .venv is not there",
            code="no_environment",
            tries=[*enter(root), *install_commands(), again],
            paths=[str(python)],
        )
    return python


def cannot_start(root: Path, reason: OSError | str, *, again: str) -> MacchiatoError:
    """The error for an environment whose interpreter is there, and does not run."""
    from macchiato_cli.setup import enter

    python = str(venv_python(root))
    words = reason_of(reason) if isinstance(reason, OSError) else reason
    return MacchiatoError(
        f"{python} cannot be started: {words}",
        code="no_environment",
        tries=[*enter(root), "rm -r .venv", *install_commands(), again],
        paths=[python],
    )
