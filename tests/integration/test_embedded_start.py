"""The embedded engine's first start, by several processes at once."""

import multiprocessing
from pathlib import Path

from esper_graph.config import load_settings
from esper_graph.store.engines import embedded, open_engine
from tests.integration.test_engines import ONE


def _open(home: str) -> list[dict[str, int]]:
    with open_engine(load_settings({"home": home}, environ={})) as engine:
        return engine.read(ONE)


def test_ten_processes_that_come_first_share_one_engine(tmp_path: Path) -> None:
    settings = load_settings({"home": tmp_path}, environ={})
    try:
        with multiprocessing.get_context("spawn").Pool(10) as pool:
            answers = pool.map(_open, [str(tmp_path)] * 10, chunksize=1)
        assert answers == [[{"one": 1}]] * 10
        running = embedded.status(settings)
        assert running is not None
        password = settings.data_directory / "password"
        assert password.stat().st_mode & 0o777 == 0o600
        assert settings.data_directory.stat().st_mode & 0o777 == 0o700
    finally:
        assert embedded.stop(settings)
    assert embedded.status(settings) is None
    assert not embedded.stop(settings)
