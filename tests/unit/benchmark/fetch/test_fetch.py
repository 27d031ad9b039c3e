import gzip
import hashlib
import json
import multiprocessing
import os
import shutil

import pytest
import requests
import yaml
from httpserver import Detour, Page

from portal_lib.benchmark.fetch import checksums, download, fetch
from portal_lib.benchmark.fetch.download import Patience
from portal_lib.errors import FetchError

HOST = "data.example.org"
URL = f"https://{HOST}/set/counts.bin"
PATH = f"/{HOST}/set/counts.bin"
BODY = bytes(range(256)) * 2000


def sha256(body):
    return hashlib.sha256(body).hexdigest()


def entry(**facts):
    return {"name": "counts.bin", "url": URL, "sha256": sha256(BODY), "bytes": len(BODY), "licence": "MIT"} | facts


def unknown(**facts):
    return entry(sha256=None, bytes=None, **facts)


@pytest.fixture
def naps():
    return []


@pytest.fixture
def run(tmp_path, server, naps):
    """fetch_files with all of its parts in place; https goes to the server on this machine."""
    session = requests.Session()
    session.mount("https://", Detour(server))

    def call(*entries, function=fetch.fetch_files, **options):
        given = {
            "lock_path": tmp_path / "config" / "checksums.lock.yaml",
            "progress": False,
            "session": session,
            "patience": Patience(attempts=3, timeout=(5.0, 5.0), sleep=naps.append),
        }
        files = list(entries) if function is fetch.fetch_files else entries[0]
        return function(files, tmp_path / "data", **(given | options))

    yield call
    session.close()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "data" / "counts.bin"


def names(target):
    return sorted(path.name for path in target.parent.iterdir())


def lock(tmp_path):
    return yaml.safe_load((tmp_path / "config" / "checksums.lock.yaml").read_text())


def test_a_file_is_fetched_and_the_manifest_says_how(run, server, target):
    server.pages[PATH] = Page(BODY)
    (record,) = run(entry())
    assert target.read_bytes() == BODY
    assert names(target) == ["counts.bin"]
    date = record.pop("date")
    assert len(date) == 10
    assert record == {
        "name": "counts.bin",
        "url": URL,
        "source": URL,
        "bytes": len(BODY),
        "sha256": sha256(BODY),
        "status": "verified",
    }
    assert server.requests("counts.bin")[0]["Accept-Encoding"] == "identity"


def test_a_file_in_place_is_not_fetched_again(run, server):
    server.pages[PATH] = Page(BODY)
    run(entry())
    (record,) = run(entry())
    assert record["source"] == "in place"
    assert len(server.log) == 1


def test_a_wrong_file_in_place_is_put_aside_and_replaced(run, server, target):
    server.pages[PATH] = Page(BODY)
    target.parent.mkdir()
    target.write_bytes(b"old")
    run(entry())
    assert target.read_bytes() == BODY
    assert (target.parent / f"counts.bin.rejected-{sha256(b'old')[:8]}").read_bytes() == b"old"


def test_nothing_to_fetch_is_an_empty_manifest(run):
    assert run() == []


@pytest.mark.parametrize("facts", [{}, {"sha256": None, "bytes": None}])
def test_a_cut_connection_is_resumed_where_it_stopped(run, server, target, naps, facts):
    server.pages[PATH] = Page(BODY, troubles=[{"cut": 100_000}, {"cut": 50_000}])
    run(entry(**facts))
    assert target.read_bytes() == BODY
    ranges = [headers.get("Range") for headers in server.requests("counts.bin")]
    assert ranges == [None, "bytes=100000-", "bytes=150000-"]
    assert server.requests("counts.bin")[1]["If-Range"] == '"v1"'
    assert naps == [1.0, 2.0]


def test_a_later_process_resumes_too(run, server, target):
    server.pages[PATH] = Page(BODY, troubles=[{"cut": 100_000}] + [{"status": 500}] * 2)
    with pytest.raises(FetchError):
        run(entry())
    assert names(target) == ["counts.bin.part", "counts.bin.part.json"]
    run(entry())
    assert server.requests("counts.bin")[-1]["Range"] == "bytes=100000-"
    assert target.read_bytes() == BODY


def test_a_complete_part_needs_no_request(run, server, target):
    server.pages[PATH] = Page(BODY)
    target.parent.mkdir()
    part = download.Part(f"{target}.part")
    part.path.write_bytes(BODY)
    part.remember(URL, '"v1"', len(BODY))
    run(entry())
    assert server.log == []
    assert names(target) == ["counts.bin"]


def test_bytes_of_unknown_origin_are_not_continued(run, server, target):
    server.pages[PATH] = Page(BODY)
    target.parent.mkdir()
    (target.parent / "counts.bin.part").write_bytes(b"from somewhere else")
    run(entry())
    assert "Range" not in server.requests("counts.bin")[0]
    assert target.read_bytes() == BODY


CUT = {"cut": 100_000}
RESTARTED = [None, "bytes=100000-", None]


@pytest.mark.parametrize(
    ("make", "page", "ranges"),
    [
        pytest.param(unknown, {"etag": None, "troubles": [CUT]}, [None, None], id="no checksum and no ETag"),
        pytest.param(entry, {"ranges": False, "troubles": [CUT]}, None, id="Range is ignored"),
        pytest.param(unknown, {"troubles": [CUT, {"headers": {"ETag": '"v2"'}}]}, RESTARTED, id="If-Range is ignored"),
        pytest.param(entry, {"troubles": [CUT, {"range_start": 99_999}]}, None, id="wrong Content-Range"),
        pytest.param(entry, {"troubles": [CUT, {"status": 416}]}, RESTARTED, id="416"),
        pytest.param(unknown, {"troubles": [{"announce": None}]}, None, id="no announced length"),
    ],
)
def test_what_cannot_be_resumed_starts_over(run, server, target, make, page, ranges):
    server.pages[PATH] = Page(BODY, **page)
    run(make())
    assert target.read_bytes() == BODY
    assert ranges in (None, [headers.get("Range") for headers in server.requests("counts.bin")])


LONG_WAIT = {"status": 503, "headers": {"Retry-After": "86400"}}
TOO_SHORT = f"bytes: expected {len(BODY)}, found {len(BODY) - 10}"


@pytest.mark.parametrize(
    ("make", "body", "page", "words", "waits"),
    [
        (entry, BODY, {"troubles": [LONG_WAIT]}, "503 Service Unavailable, and requests a wait of 86400 s", []),
        (entry, BODY, {"troubles": [{"status": 502}] * 3}, "502 Bad Gateway; given up after 3 attempts", [1.0, 2.0]),
        (
            unknown,
            BODY,
            {"ranges": False, "troubles": [{"announce": len(BODY) + 10}] * 3},
            "given up after 3 attempts",
            [1.0, 2.0],
        ),
        (entry, BODY, {"troubles": [{"announce": len(BODY) - 10}]}, TOO_SHORT, []),
        (unknown, b"", {}, "it is empty", []),
        (entry, gzip.compress(BODY), {"headers": {"Content-Encoding": "gzip"}}, "encoded the file", []),
        (
            entry,
            b"",
            {"troubles": [{"status": 301, "headers": {"Location": URL}}] * 20},
            "more than 10 redirections",
            [],
        ),
    ],
)
def test_a_wrong_answer_of_the_server_is_an_error(run, server, naps, target, make, body, page, words, waits):
    server.pages[PATH] = Page(body, **page)
    with pytest.raises(FetchError, match=words):
        run(make())
    assert naps == waits
    assert not target.exists()


def test_a_file_that_changed_meanwhile_is_not_glued_to_the_old_part(run, server, target):
    page = server.pages[PATH] = Page(BODY[::-1], etag='"v0"', troubles=[{"cut": 100_000}] + [{"status": 500}] * 2)
    with pytest.raises(FetchError):
        run(unknown())
    page.body, page.etag = BODY, '"v1"'
    run(unknown())
    assert target.read_bytes() == BODY


def test_pieces_that_do_not_fit_are_fetched_once_more_in_one_go(run, server, target):
    page = server.pages[PATH] = Page(BODY[::-1], etag=None, troubles=[{"cut": 100_000}] + [{"status": 500}] * 2)
    with pytest.raises(FetchError):
        run(entry())
    page.body = BODY
    run(entry())
    assert [headers.get("Range") for headers in server.requests("counts.bin")][-2:] == ["bytes=100000-", None]
    assert target.read_bytes() == BODY


def test_a_503_is_retried_after_the_requested_wait(run, server, naps):
    server.pages[PATH] = Page(BODY, troubles=[{"status": 503, "headers": {"Retry-After": "7"}}, {"status": 503}])
    run(entry())
    assert naps == [7.0, 2.0]


def test_retry_after_may_be_a_date(run, server, naps):
    date = "Thu, 01 Jan 1970 00:00:00 GMT"
    server.pages[PATH] = Page(BODY, troubles=[{"status": 503, "headers": {"Retry-After": date}}])
    run(entry())
    assert naps == [0.0]


def test_a_productive_connection_resets_the_count_of_failures(run, server, target, monkeypatch):
    monkeypatch.setattr(download, "WORTHWHILE", 50_000)
    server.pages[PATH] = Page(BODY, troubles=[{"cut": 60_000}] * 6)
    run(entry())
    assert target.read_bytes() == BODY


@pytest.mark.parametrize(("status", "words"), [(404, "404 Not Found"), (403, "403 Forbidden"), (410, "410 Gone")])
def test_missing_or_forbidden_is_not_tried_again(run, server, naps, target, status, words):
    server.pages[PATH] = Page(BODY, troubles=[{"status": status}] * 2)
    with pytest.raises(FetchError) as caught:
        run(entry())
    assert len(server.log) == 1
    assert naps == []
    assert str(caught.value) == (
        f"counts.bin: {URL}: the server answered {words}\n"
        f"  by hand: download {URL} in another way and save it as {target}; it is checked there, too"
    )


def test_every_file_that_fails_is_named(run, server, target):
    server.pages[PATH] = Page(BODY)
    others = [entry(name=f"{k}.bin", url=f"https://{HOST}/{k}.bin") for k in "ab"]
    with pytest.raises(FetchError) as caught:
        run(others[0], entry(), others[1])
    assert f"https://{HOST}/a.bin" in str(caught.value)
    assert f"https://{HOST}/b.bin" in str(caught.value)
    assert names(target) == ["counts.bin"]


def test_a_file_put_there_by_hand_is_checked(run, server, target):
    target.parent.mkdir()
    target.write_bytes(BODY)
    (record,) = run(entry())
    assert record["status"] == "verified"
    assert server.log == []


def test_a_length_announced_too_short_is_caught_without_checksum_in_what_is_compressed(run, server, target):
    packed = gzip.compress(BODY * 3)
    url = f"{URL}.gz"
    server.pages[f"{PATH}.gz"] = Page(packed, troubles=[{"announce": len(packed) - 10}])
    with pytest.raises(FetchError, match="broken or cut off"):
        run(unknown(name="counts.bin.gz", url=url))
    assert not (target.parent / "counts.bin.gz").exists()


def test_a_wrong_checksum_names_both_sums_and_keeps_the_file_aside(run, server, target):
    bad = BODY[:-1] + b"!"
    server.pages[PATH] = Page(bad)
    with pytest.raises(FetchError) as caught:
        run(entry())
    assert f"sha256: expected {sha256(BODY)}, found {sha256(bad)}" in str(caught.value)
    aside = f"counts.bin.rejected-{sha256(bad)[:8]}"
    assert names(target) == [aside]
    assert (target.parent / aside).read_bytes() == bad
    assert aside in str(caught.value)


@pytest.mark.parametrize("key", ["bytes", "md5", "git_blob"])
def test_published_sums_and_sizes_are_checked_too(run, server, target, key):
    server.pages[PATH] = Page(BODY)
    true = {
        "bytes": len(BODY),
        "md5": hashlib.md5(BODY).hexdigest(),
        "git_blob": hashlib.sha1(b"blob %d\0" % len(BODY) + BODY).hexdigest(),
    }
    with pytest.raises(FetchError, match=f"{key}: expected .*, found {true[key]}"):
        run(entry(**{"sha256": None, key: 1 if key == "bytes" else "0" * 32}))
    (record,) = run(entry(**{"sha256": None, key: true[key]}))
    assert record["status"] == "unverified"


def test_an_unknown_checksum_is_recorded_at_first_use_and_shown_as_unverified(run, server, tmp_path):
    server.pages[PATH] = Page(BODY)
    (record,) = run(unknown())
    assert record["status"] == "unverified"
    date = lock(tmp_path)[URL].pop("date")
    assert isinstance(date, str)
    assert lock(tmp_path) == {URL: {"bytes": len(BODY), "sha256": sha256(BODY), "date": date}}


def test_a_known_checksum_is_not_written_into_the_lock_file(run, server, tmp_path):
    server.pages[PATH] = Page(BODY)
    run(entry())
    assert not (tmp_path / "config").exists()


def test_a_later_download_must_match_the_lock_file(run, server, tmp_path, target):
    page = server.pages[PATH] = Page(BODY)
    run(unknown())
    before = lock(tmp_path)
    target.unlink()
    page.body = BODY + b"more"
    with pytest.raises(FetchError, match=rf"sha256: expected {sha256(BODY)} \(locked on .*\), found"):
        run(unknown())
    assert not target.exists()
    assert lock(tmp_path) == before


def test_relock_replaces_a_locked_sum_and_prints_both(run, server, tmp_path, target, capsys):
    page = server.pages[PATH] = Page(BODY)
    run(unknown())
    page.body = BODY + b"more"
    record = run(unknown(), function=fetch.relock)
    printed = capsys.readouterr().out
    assert f"old sha256: {sha256(BODY)}" in printed
    assert f"new sha256: {sha256(page.body)}" in printed
    assert lock(tmp_path)[URL]["sha256"] == record["sha256"] == sha256(page.body)
    assert target.read_bytes() == page.body
    assert run(unknown())[0]["source"] == "in place"


def test_a_failed_relock_changes_nothing(run, server, tmp_path, target):
    page = server.pages[PATH] = Page(BODY)
    run(unknown())
    before = lock(tmp_path)
    page.troubles = [{"status": 404}]
    with pytest.raises(FetchError, match="404"):
        run(unknown(), function=fetch.relock)
    assert lock(tmp_path) == before
    assert target.read_bytes() == BODY


def test_relock_refuses_what_the_data_set_states(run):
    with pytest.raises(FetchError, match="is stated in the file of the data set"):
        run(entry(), function=fetch.relock)


def test_the_command_line_prints_one_message(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        fetch.main(["relock", "http://example.org/x", str(tmp_path / "x"), "--lock", str(tmp_path / "lock.yaml")])
    assert "only https is allowed" in str(caught.value.code)
    assert str(caught.value.code).startswith("FetchError: ")


@pytest.mark.parametrize("text", ["[1, 2]", "a: 1", "{unclosed", "https://x: {sha256: abc}"])
def test_an_invalid_lock_file_is_an_error_that_names_it(run, server, tmp_path, text):
    server.pages[PATH] = Page(BODY)
    path = tmp_path / "config" / "checksums.lock.yaml"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(FetchError, match=r"checksums\.lock\.yaml"):
        run(unknown())
    assert path.read_text() == text


def _record_some(path, start):
    for number in range(start, start + 10):
        checksums.record(path, f"https://example.org/{number:03d}", {"bytes": number, "sha256": f"{number:064d}"})


def test_processes_that_record_at_once_lose_nothing_and_the_file_is_sorted(tmp_path):
    path = tmp_path / "checksums.lock.yaml"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_record_some, args=(path, start)) for start in (30, 0, 20, 10)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    urls = [line for line in path.read_text().splitlines() if line.startswith("https")]
    assert urls == [f"https://example.org/{number:03d}:" for number in range(40)]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "text/html; charset=utf-8"}, b"<p>quota exceeded</p>"),
        ({"Content-Type": "application/octet-stream"}, b"\n<!DOCTYPE html><html></html>"),
    ],
)
@pytest.mark.parametrize("make", [entry, unknown])
def test_a_web_page_is_refused(run, server, tmp_path, target, make, headers, body):
    server.pages[PATH] = Page(body, headers=headers)
    with pytest.raises(FetchError, match="HTML page where data are expected"):
        run(make())
    assert not target.exists()
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize(("name", "words"), [("x.gz", "not a .gz file"), ("x.h5", "not a .h5 file")])
def test_a_file_of_another_format_than_its_name_says_is_not_trusted_at_first_use(run, server, name, words):
    server.pages[f"/{HOST}/{name}"] = Page(b"access denied")
    with pytest.raises(FetchError, match=words):
        run(unknown(name=name, url=f"https://{HOST}/{name}"))


def test_a_stored_gz_that_the_server_calls_encoded_is_kept_as_it_is(run, server, tmp_path):
    packed = gzip.compress(BODY)
    server.pages[f"{PATH}.gz"] = Page(packed, headers={"Content-Encoding": "gzip"})
    run(unknown(name="counts.bin.gz", url=f"{URL}.gz"))
    assert (tmp_path / "data" / "counts.bin.gz").read_bytes() == packed


@pytest.mark.parametrize("url", ["http://data.example.org/x", "ftp://data.example.org/x", "file:///etc/hostname"])
def test_only_https_is_fetched(run, server, url):
    with pytest.raises(FetchError, match="only https is allowed"):
        run(entry(url=url))
    assert server.log == []


def test_http_on_this_machine_is_for_mirrors_alone(run, server):
    server.pages["/x"] = Page(BODY)
    with pytest.raises(FetchError, match="only https is allowed"):
        run(entry(url=f"{server.address}/x"))
    assert server.log == []


def test_redirections_are_followed(run, server, target):
    server.pages[PATH] = Page(b"", troubles=[{"status": 302, "headers": {"Location": f"https://cdn.{HOST}/a?b=c"}}])
    server.pages[f"/cdn.{HOST}/a?b=c"] = Page(BODY)
    run(entry())
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("location", ["http://data.example.org/x", "http://127.0.0.1:1/x", "file:///etc/hostname"])
def test_redirections_to_anything_but_https_are_refused(run, server, location):
    server.pages[PATH] = Page(b"", troubles=[{"status": 302, "headers": {"Location": location}}])
    with pytest.raises(FetchError, match="only https is allowed"):
        run(entry())
    assert len(server.log) == 1


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "..", "", "a\\b"])
def test_a_file_name_with_a_path_is_refused(run, name):
    with pytest.raises(FetchError, match="not a plain file name"):
        run(entry(name=name))


def mirrored(tmp_path, body):
    path = tmp_path / "mirror" / HOST / "set" / "counts.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(body)
    return path


def test_a_mirror_folder_is_used_first(run, server, tmp_path, target):
    path = mirrored(tmp_path, BODY)
    (record,) = run(entry(), mirror=tmp_path / "mirror")
    assert record["source"] == str(path)
    assert target.read_bytes() == path.read_bytes() == BODY
    assert server.log == []


def test_a_mirror_is_verified_by_the_same_rules(run, tmp_path, target):
    path = mirrored(tmp_path, b"other bytes")
    with pytest.raises(FetchError, match=f"sha256: expected {sha256(BODY)}, found {sha256(b'other bytes')}"):
        run(entry(), mirror=tmp_path / "mirror")
    assert names(target) == [f"counts.bin.rejected-{sha256(b'other bytes')[:8]}"]
    assert path.exists()


def test_what_a_mirror_lacks_comes_from_the_url(run, server, tmp_path):
    server.pages[PATH] = Page(BODY)
    (tmp_path / "mirror").mkdir()
    assert run(entry(), mirror=tmp_path / "mirror")[0]["source"] == URL


def test_a_mirror_on_this_machine_may_be_a_url(run, server, target):
    server.pages[f"/mirror{PATH}"] = Page(BODY, troubles=[{"cut": 1000}])
    (record,) = run(entry(), mirror=f"{server.address}/mirror/")
    assert record["source"] == f"{server.address}/mirror{PATH}"
    assert target.read_bytes() == BODY


def test_what_a_mirror_url_lacks_comes_from_the_url(run, server):
    server.pages[PATH] = Page(BODY)
    assert run(entry(), mirror=f"{server.address}/mirror")[0]["source"] == URL
    assert [path for path, _ in server.log] == [f"/mirror{PATH}", PATH]


def test_a_query_belongs_to_the_name_in_the_mirror(run, server, tmp_path):
    path = tmp_path / "mirror" / HOST / "get" / "?acc=1&file=a%5Fb.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    assert run(entry(url=f"https://{HOST}/get/?acc=1&file=a%5Fb.bin"), mirror=tmp_path / "mirror")[0]["source"] == str(
        path
    )


@pytest.mark.parametrize("mirror", ["http://mirror.example.org/x", "http://localhost.example.org", "ftp://localhost/x"])
def test_a_mirror_elsewhere_must_be_https(run, server, mirror):
    with pytest.raises(FetchError, match="only https is allowed"):
        run(entry(), mirror=mirror)


def test_a_mirror_folder_that_is_not_there_is_an_error(run, tmp_path):
    with pytest.raises(FetchError, match="there is no folder"):
        run(entry(), mirror=tmp_path / "mirrro")


def test_the_mirror_is_named_where_both_fail(run, tmp_path):
    (tmp_path / "mirror").mkdir()
    with pytest.raises(FetchError, match=r"the mirror .*mirror was tried first"):
        run(entry(), mirror=tmp_path / "mirror")


def test_an_unreachable_server_is_retried_and_then_named(run, naps):
    with pytest.raises(FetchError, match=r"http://127\.0\.0\.1:1/data.*no answer.*given up after 3 attempts"):
        run(entry(), mirror="http://127.0.0.1:1")
    assert naps == [1.0, 2.0]


def test_an_unreachable_server_gets_one_request_for_each_further_file(run, naps):
    with pytest.raises(FetchError) as raised:
        run(entry(), entry(name="two.bin"), entry(name="three.bin"), mirror="http://127.0.0.1:1")
    assert naps == [1.0, 2.0]
    assert str(raised.value).count("given up after one attempt") == 2
    assert "Max retries exceeded" not in str(raised.value)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_one_clear_error(run, server, target):
    server.pages[PATH] = Page(BODY)
    target.parent.mkdir()
    (target.parent / "counts.bin.part").symlink_to("/dev/full")
    with pytest.raises(FetchError, match=f"no space left in {target.parent}"):
        run(entry())
    assert not target.exists()


def test_a_file_that_will_not_fit_is_not_begun(run, server, monkeypatch, target):
    server.pages[PATH] = Page(BODY)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 5, 5))
    with pytest.raises(FetchError, match=f"{len(BODY)} bytes to download, but only 5 are free"):
        run(entry())
    assert not target.exists()


def test_a_file_that_cannot_be_written_is_an_error(run, server, target):
    server.pages[PATH] = Page(BODY)
    (target.parent / "counts.bin.part").mkdir(parents=True)
    with pytest.raises(FetchError, match=r"cannot write .*counts\.bin\.part"):
        run(entry())


def test_a_file_in_place_of_the_folder_is_an_error(run, tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(FetchError, match="cannot be created"):
        run(entry())


def test_progress_goes_to_stderr(run, server, capsys):
    server.pages[PATH] = Page(BODY)
    run(entry(), progress=True)
    captured = capsys.readouterr()
    assert "counts.bin" in captured.err
    assert captured.out == ""


def test_a_damaged_note_of_an_unfinished_download_is_ignored(run, server, target):
    server.pages[PATH] = Page(BODY)
    target.parent.mkdir()
    (target.parent / "counts.bin.part").write_bytes(b"abc")
    (target.parent / "counts.bin.part.json").write_text(json.dumps({"url": URL}))
    run(entry())
    assert names(target) == ["counts.bin"]
