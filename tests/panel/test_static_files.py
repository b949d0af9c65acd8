import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

STATIC = Path(settings.BASE_DIR) / "static"


def test_every_file_is_collected_as_in_production(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }

    call_command("collectstatic", interactive=False, verbosity=0)

    names = [path.name for path in (tmp_path / "css").iterdir()]
    assert any(re.fullmatch(r"site\.[0-9a-f]{12}\.css", name) for name in names)


def test_what_is_kept_of_others_has_its_licence() -> None:
    for folder in (path for path in (STATIC / "vendor").iterdir() if path.is_dir()):
        assert (folder / "LICENSE").is_file()
        assert folder.name in (STATIC / "vendor" / "README.md").read_text()


def test_our_own_stays_small() -> None:
    assert len((STATIC / "css" / "site.css").read_text().splitlines()) < 300
    assert len((STATIC / "js" / "site.js").read_text().splitlines()) < 400
