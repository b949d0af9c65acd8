"""The site's own processes, each with an environment that a test spells out."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SECRET_KEY = "a-key-of-fifty-and-more-characters-that-no-site-would-use-4f9a"


def environment(var_dir: Path, **variables: str) -> dict[str, str]:
    """Return an environment with nothing in it but what is given and what Python itself needs."""
    needed = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return needed | {"ENV_FILE": os.devnull, "VAR_DIR": str(var_dir)} | variables


def start(*words: str, env: dict[str, str]) -> subprocess.Popen[str]:
    """Start Python with these words."""
    return subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run Python with these words to its end."""
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def run_in_site(lines: str, *, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run lines of Python in a process of the site."""
    setup = (
        "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'panel.settings'\nimport django\ndjango.setup()\n"
    )
    return run("-c", setup + lines, env=env)
