# SPDX-License-Identifier: MIT
"""Tests that are programs, one by one and side by side."""
import os
import signal
import subprocess
import tempfile
import threading
import time


class Job:
    """One program that is one test."""

    def __init__(self, tally, name, command, timeout, environment=None, lanes=1, runs_alone=1):
        self.tally, self.name, self.command, self.timeout = tally, name, command, timeout
        self.environment = {**os.environ, **(environment or {})}
        self.kind = name.rpartition("@")[0]
        self.lanes, self.runs_alone = lanes, runs_alone
        self.process = None

    def run(self, again=False):
        """Whether it is decided: with `again`, a failure is left to the next run."""
        started = time.monotonic()
        # Into a file: what a test leaves running would keep the end of a pipe open, and the test would seem to hang.
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            # A session of its own: what hangs is ended with all that it has started.
            self.process = subprocess.Popen(self.command, cwd="/", stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, env=self.environment, start_new_session=True)
            hangs = False
            try:
                self.process.wait(timeout=self.timeout)
            except subprocess.TimeoutExpired:
                hangs = True
            code = self.stop()
            took = time.monotonic() - started
            output.seek(0)
            lines = output.read().strip().splitlines() or ["(no output)"]
        if hangs:
            print(*lines[-40:], sep="\n")
            return self.tally.failed_once(self.name, f"not done after {self.timeout} s", again)
        return self.tally.ended(self.name, code, lines, took, again)

    def stop(self):
        """With what it has left behind. Its exit code."""
        if not self.process:
            return None
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except OSError:
            pass  # nothing is left
        code, self.process = self.process.wait(), None
        return code

    def run_alone(self):
        for left in reversed(range(self.runs_alone)):
            if self.run(again=left > 0):
                break


class Lanes:
    """Runs jobs side by side, begun in their order. What fails beside others is told and left to a run alone. When so many
    have failed, the machine has no room for several: those that are left have it for themselves at once."""

    def __init__(self, count, one_by_one_after=None):
        self.count, self.free, self.changed, self.undecided = count, count, threading.Condition(), []
        self.one_by_one_after = one_by_one_after

    def needed(self, job):
        crowded = self.one_by_one_after is not None and len(self.undecided) >= self.one_by_one_after
        return self.count if crowded else job.lanes

    def run(self, jobs):
        threads = []
        for job in jobs:
            with self.changed:
                self.changed.wait_for(lambda: self.free >= self.needed(job))
                taken = self.needed(job)
                self.free -= taken
            threads.append(threading.Thread(target=self.run_one, args=(job, taken)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def run_one(self, job, taken):
        try:
            if not job.run(again=True):
                self.undecided.append(job)
        except Exception as error:  # nobody looks at a thread's exceptions
            job.tally.fail(job.name, repr(error))
        finally:
            with self.changed:
                self.free += taken
                self.changed.notify()
