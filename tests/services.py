"""Programs and folders that a test needs and a machine may lack."""

import os
import shutil
from pathlib import Path

import pytest


def require(program_or_path: str | Path, hint: str) -> str:
    """Where it is; skips the test when it is missing, and says how to get it.

    With MACCHIATO_REQUIRE_SERVICES=1, as in CI, the test fails instead.
    """
    if isinstance(program_or_path, Path):
        found = str(program_or_path) if program_or_path.exists() else None
    else:
        found = shutil.which(program_or_path)
    if found is not None:
        return found
    missing = f"{program_or_path} is missing: {hint}"
    if os.environ.get("MACCHIATO_REQUIRE_SERVICES") == "1":
        pytest.fail(missing)
    pytest.skip(missing)
