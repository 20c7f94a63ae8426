"""What git knows of a project's files: which edits it could give back, and which wait for a decision.

git is asked for what it has stored, never for what is different: to know that, it would start the filters
that a repository's configuration names, and it overlooks what it was told not to look at.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from macchiato_cli.changes import Sides
from macchiato_cli.child import Ended
from macchiato_cli.errors import MacchiatoError
from macchiato_cli.git import git, git_program
from macchiato_cli.merge import in_lf, with_line_ends_of
from macchiato_cli.plan import File


def uncommitted(root: Path, files: Mapping[str, File]) -> tuple[list[str], str]:
    """Those of the files that git could not give back as they are, and why if that is so for all."""
    if not files:
        return [], ""
    if git_program() is None:
        return list(files), "git is not installed"
    if (repository := git(root, "rev-parse", "--show-prefix")).code != 0:
        return list(files), _first_line(repository)
    if git(root, "rev-parse", "--verify", "--quiet", "HEAD").code != 0:
        return list(files), "the repository has no commit yet"
    listed = git(root, "ls-tree", "-r", "-z", "HEAD")
    if listed.code != 0:
        return list(files), _first_line(listed)
    committed = {path: words[2] for words, path in _entries(listed)}
    staged = _index(root)

    def is_safe(path: str, content: bytes) -> bool:
        name = committed.get(path)
        return name is not None and staged.get(path) == name and name in _names(content, name)

    return [path for path, file in files.items() if not is_safe(path, file.content)], ""


def unmerged(root: Path) -> list[str]:
    """The paths in which git waits for somebody to resolve a conflict."""
    return sorted({path for _, path in _entries(git(root, "ls-files", "--unmerged", "-z"))})


def not_checked_out(root: Path, paths: Iterable[str]) -> list[str]:
    """Those of the paths that git has, and leaves out of this sparse checkout."""
    listed = git(root, "ls-files", "-t", "-z")
    left_out = {entry[2:] for entry in listed.output.split("\0") if entry.startswith("S ")}
    return [path for path in paths if path in left_out]


def mark_unmerged(root: Path, conflicts: Mapping[str, tuple[str, Sides]]) -> str | None:
    """Tell git of conflicts, so that it and every editor know; why it could not be told, None otherwise.

    Args:
        conflicts: The path that a file had until now and its three sides, by its path. Ours is committed.
    """
    index, prefix = _index(root), git(root, "rev-parse", "--show-prefix").output.removesuffix("\n")
    lines: list[str] = []
    try:
        for path, (was, sides) in conflicts.items():
            ours = index[was]
            # Where git stores files with Windows' line ends, all sides have them.
            model = sides.ours.content if ours == _name(sides.ours.content, ours) else b""
            names = [
                None if side is None else _stored(root, with_line_ends_of(model, in_lf(side.content)))
                for side in (sides.base, sides.theirs)
            ]
            lines.append(f"0 {'0' * len(ours)}\t{prefix}{path}")
            stages = ((1, names[0], sides.base), (2, ours, sides.ours), (3, names[1], sides.theirs))
            for stage, name, side in stages:
                if name is not None and side is not None:
                    mode = "100755" if side.executable else "100644"
                    lines.append(f"{mode} {name} {stage}\t{prefix}{path}")
        with tempfile.TemporaryDirectory(prefix="macchiato-") as folder:
            listed = Path(folder, "index")
            listed.write_bytes("".join(f"{line}\0" for line in lines).encode(errors="surrogateescape"))
            _check(git(root, "update-index", "-z", "--index-info", stdin=listed))
    except KeyError as error:
        return f"it does not know {error.args[0]}"
    except MacchiatoError as error:
        return error.message
    return None


def _index(root: Path) -> dict[str, str]:
    """What is staged: the names of the blobs by path."""
    return {path: words[1] for words, path in _entries(git(root, "ls-files", "--stage", "-z"))}


def _entries(listed: Ended) -> list[tuple[list[str], str]]:
    """The words before the path, and the path, of each entry; none where git failed."""
    if listed.code != 0:
        return []
    parts = (entry.partition("\t") for entry in listed.output.split("\0") if entry)
    return [(words.split(" "), path) for words, _, path in parts]


def _names(content: bytes, like: str) -> set[str]:
    """What git may call the content: as it is, or with the line ends that it stores on Windows."""
    return {_name(content, like), _name(content.replace(b"\r\n", b"\n"), like)}


def _name(content: bytes, like: str) -> str:
    """git's name for a blob, in the kind of repository where others are called so."""
    algorithm = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    return algorithm(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def _stored(root: Path, content: bytes) -> str:
    """The name of a blob that git has from now on."""
    with tempfile.TemporaryDirectory(prefix="macchiato-") as folder:
        side = Path(folder, "side")
        side.write_bytes(content)
        stored = git(root, "hash-object", "-w", "--no-filters", "--stdin", stdin=side)
    return _check(stored).output.strip()


def _check(ended: Ended) -> Ended:
    if ended.code != 0:
        raise MacchiatoError(_first_line(ended), code="git_failed")
    return ended


def _first_line(ended: Ended) -> str:
    return (ended.errors.strip().splitlines() or [f"git ended with {ended.code}"])[0]
