"""What a script prints, in whatever way, is in its log; and no script outlives its Snakemake. Real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[3]
HEAD = """
import os, subprocess, sys, threading, time, warnings
from portal_lib.benchmark.script_logging import logged
from portal_lib.errors import DataError
with logged(sys.argv[1]):
"""
SNAKEMAKE = """
import subprocess, sys
subprocess.run(["bash", "-c", "set -euo pipefail; " + sys.argv[1] + "; true"])
"""


@pytest.fixture
def script(tmp_path):
    """Run a script with such a body; what it ended with, its log, and what the terminal showed."""

    def run(body):
        file, log = tmp_path / "script.py", tmp_path / "logs" / "script.log"
        file.write_text(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
        words = [sys.executable, str(file), str(log)]
        done = subprocess.run(words, env=environment(), capture_output=True, check=False, timeout=60)
        return done.returncode, log.read_bytes(), done.stderr

    return run


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT)}


def test_all_ways_of_printing_end_in_the_log_and_on_the_terminal(script):
    code, log, shown = script(
        "print('by print')\n"
        "print('by stderr', file=sys.stderr)\n"
        "os.write(1, b'by descriptor\\n')\n"
        "subprocess.run(['sh', '-c', 'echo by child; echo by child 2 >&2'])\n"
        "warnings.warn('by warning', DeprecationWarning)\n"
        "print('no newline at the end', end='')"
    )
    assert code == 0
    lines = log.decode().splitlines()
    assert {"by print", "by stderr", "by descriptor", "by child", "by child 2", "no newline at the end"} <= set(lines)
    assert any("DeprecationWarning: by warning" in line for line in lines)
    assert shown == log


def test_a_users_mistake_is_one_line_without_a_traceback(script):
    code, log, _ = script("print('before')\nraise DataError('mine.h5ad: obs has no column')")
    assert (code, log) == (1, b"before\nDataError: mine.h5ad: obs has no column\n")


def test_any_other_error_keeps_its_traceback(script):
    code, log, _ = script("raise KeyError('lost')")
    assert code == 1
    assert log.startswith(b"Traceback (most recent call last):\n")
    assert log.endswith(b"KeyError: 'lost'\n")


def test_of_progress_bars_the_log_keeps_the_last_state(script):
    code, log, shown = script(
        "for i in range(3): sys.stderr.write(f'\\r{i} of 2')\n"
        "sys.stderr.write('\\nWindows line\\r\\n')\n"
        "sys.stderr.write('\\rhalf\\rdone')"
    )
    assert (code, log) == (0, b"2 of 2\nWindows line\ndone")
    assert b"\r0 of 2\r1 of 2\r2 of 2\n" in shown


def test_a_long_progress_bar_costs_no_memory_and_no_time(script):
    started = time.monotonic()
    code, log, _ = script("for i in range(100_000): os.write(2, b'\\r' + b'%099d' % i)")
    assert (code, log) == (0, b"%099d" % 99_999)
    assert time.monotonic() - started < 20


def test_a_terminal_that_is_gone_stops_neither_script_nor_log(tmp_path):
    file, log = tmp_path / "script.py", tmp_path / "script.log"
    file.write_text(HEAD + "    for i in range(20_000): print('line', i)\n")
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, str(file), str(log)]
    done = subprocess.run(words, env=environment(), stderr=writer, check=False, timeout=60)
    os.close(writer)
    assert done.returncode == 0
    assert log.read_text().splitlines()[-1] == "line 19999"


@pytest.mark.slow
def test_output_of_a_process_left_behind_does_not_delay_the_exit(script):
    started = time.monotonic()
    code, log, _ = script("left = subprocess.Popen(['sleep', '30'])\nprint('done')")
    assert (code, log) == (0, b"done\n")
    assert time.monotonic() - started < 15


def wait_for(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def is_running(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_script_ends_when_the_snakemake_above_it_is_killed(tmp_path):
    """Started as Snakemake does it: by a shell, from a path that contains the word snakemake."""
    snakemake, script = tmp_path / "snakemake", tmp_path / ".snakemake" / "scripts" / "tmp.integrate.py"
    script.parent.mkdir(parents=True)
    pid_file = tmp_path / "pid"
    snakemake.write_text(SNAKEMAKE)
    script.write_text(HEAD + f"    open({str(pid_file)!r}, 'w').write(str(os.getpid()))\n    time.sleep(60)\n")
    command = f"{sys.executable} {script} {tmp_path / 'script.log'}"
    above = subprocess.Popen([sys.executable, str(snakemake), command], env=environment(), stderr=subprocess.DEVNULL)
    wait_for(lambda: pid_file.exists() and pid_file.read_text())
    pid = int(pid_file.read_text())
    time.sleep(1)
    assert is_running(pid)
    os.kill(above.pid, signal.SIGKILL)
    above.wait()
    wait_for(lambda: not is_running(pid))
