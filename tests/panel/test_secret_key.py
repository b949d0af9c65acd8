import os
import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from panel.secret_key import kept_secret_key, secret_key


def test_a_given_key_is_the_key(tmp_path: Path) -> None:
    for debug in (True, False):
        assert secret_key("given", debug=debug, var_dir=tmp_path) == "given"
    assert list(tmp_path.iterdir()) == []


def test_there_is_no_default_outside_debug(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is not set"):
        secret_key("", debug=False, var_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_kept_key_is_not_read_outside_debug(tmp_path: Path) -> None:
    kept_secret_key(tmp_path)

    with pytest.raises(ImproperlyConfigured):
        secret_key("", debug=False, var_dir=tmp_path)


def test_only_its_owner_reads_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        key = secret_key("", debug=True, var_dir=tmp_path)
    finally:
        os.umask(before)

    assert kept_secret_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_the_key_of_who_was_first_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Path.hardlink_to

    def too_late(self: Path, target: Path) -> None:
        (tmp_path / "secret_key").write_text("the other's")
        plain(self, target)

    monkeypatch.setattr(Path, "hardlink_to", too_late)

    assert kept_secret_key(tmp_path) == "the other's"
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]
