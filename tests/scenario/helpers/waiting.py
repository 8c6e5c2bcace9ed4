# SPDX-License-Identifier: MIT
"""How a scenario in Python says what it expects, waits for what comes, and ends."""
import subprocess
import time


class Failed(Exception):
    """The behaviour under test is not there."""


class Skipped(Exception):
    """This machine cannot run the scenario."""


def expect(condition, what):
    if not condition:
        raise Failed(what)


def wait_until(what, condition, patience=10.0, every=0.02):
    """Returns the first true value of condition()."""
    deadline = time.monotonic() + patience
    while True:
        if value := condition():
            return value
        expect(time.monotonic() < deadline, f"not within {patience:g} s: {what}")
        time.sleep(every)


def command(text, check=True):
    """Its output; with `check` a failure ends the scenario."""
    done = subprocess.run(text.split(), capture_output=True, text=True)
    expect(done.returncode == 0 or not check, f"{text}: {done.stderr.strip()}")
    return done.stdout
