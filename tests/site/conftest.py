"""One running site for the tests of this folder, started once per test process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site.processes import RunningSite, running_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    """A site whose provider ends orders within seconds: some Completed, some Partial, some Canceled."""
    folder: Path = tmp_path_factory.mktemp("site")
    options = ("--life", "4", "--partial", "0.35", "--canceled", "0.25", "--spam-seconds", "0")
    with running_site(folder, sandbox_options=options) as started:
        yield started
