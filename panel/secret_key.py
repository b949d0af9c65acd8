"""Where the secret key comes from: the operator, or, in debug only, a random one kept in VAR_DIR."""

import contextlib
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def secret_key(given: str, *, debug: bool, var_dir: Path) -> str:
    """Return the site's secret key.

    Outside debug there is no default: `ImproperlyConfigured` is raised when none is given, because a key that
    everybody knows signs everybody's sessions. In debug a random key is made once and kept in `var_dir`.
    """
    if given:
        return given
    if not debug:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Set it in the environment or in .env, for example to what "
            '`python3 -c "import secrets; print(secrets.token_urlsafe(50))"` prints, or set DEBUG=true on '
            "a machine of your own."
        )
    return kept_secret_key(var_dir)


def kept_secret_key(var_dir: Path) -> str:
    """Return the random key kept in `var_dir/secret_key`, made at the first call, readable by its owner."""
    path = var_dir / "secret_key"
    if not path.exists():
        # Written whole beside it and then linked: a process that starts just now reads one key, not half.
        draft = var_dir / f"secret_key.{os.getpid()}"
        with open(draft, "w", opener=_private) as file:  # Path.open knows no opener
            file.write(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
