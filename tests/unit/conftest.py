import pytest
import torch
from realdata import mirror

from portal_lib.benchmark import registry
from portal_lib.benchmark.fetch.fetch import fetch_files


@pytest.fixture
def one_thread():
    """One thread: unit tests are too small to profit from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def fetched(tmp_path_factory):
    """Function from a data set to the folder of its files; each is fetched once."""
    folders = {}

    def fetch(plugin):
        if plugin not in folders:
            name = plugin.__name__.rpartition(".")[2]
            folder = tmp_path_factory.mktemp(name)
            files, lock = registry.find("datasets")[name]["files"], folder / "config" / "checksums.lock.yaml"
            records = fetch_files(files, folder, mirror=str(mirror()), lock_path=lock, progress=False)
            assert {record["status"] for record in records} == {"verified"}
            assert all((folder / file["name"]).stat().st_size == file["bytes"] for file in files)
            folders[plugin] = folder
        return folders[plugin]

    return fetch
