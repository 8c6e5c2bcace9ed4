# SPDX-License-Identifier: MIT
"""What counts as passed: which skips are allowed (tests/allowed-skips), which missed bounds are known and how far
(tests/known-misses), and the tally of all."""
import fnmatch
import pathlib
import re
import threading
from dataclasses import dataclass

TESTS = pathlib.Path(__file__).resolve().parent.parent
NOT_PERMITTED = 3  # docs/exit-codes.md


def rows(text, columns):
    """The columns of a table with "|" between them; comments and empty lines are left out."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            yield [column.strip() for column in line.split("|", columns - 1)]


def number(text):
    """As the lab shows it, 12 345 with its space; None for "-", which is no number."""
    try:
        return float(text.replace(" ", ""))
    except ValueError:
        return None


@dataclass
class KnownMiss:
    scenario: str
    expectation: str  # a pattern, "*" for anything
    limit: str  # "<= 8" or ">= 0.3": as far as that, and no farther

    def covers(self, expectation, value):
        sign, bound = self.limit.split()
        value, bound = number(value), float(bound)
        if value is None or not fnmatch.fnmatchcase(expectation, self.expectation.replace("[", "[[]")):
            return False
        return value <= bound if sign == "<=" else value >= bound


class KnownMisses:
    def __init__(self, text):
        self.listed = [KnownMiss(scenario, pattern, limit) for scenario, pattern, limit, _ in rows(text, 4)]
        for miss in self.listed:
            if not re.fullmatch(r"(<=|>=) [0-9.]+", miss.limit):
                raise ValueError(f"known-misses: no limit such as '<= 8' but '{miss.limit}' for {miss.scenario}")

    def all_known(self, name, lines):
        """What a lab scenario missed, with its figures, when all of it is listed and within its limit; else nothing."""
        listed = [miss for miss in self.listed if miss.scenario == name.rpartition("@")[0]]
        missed = []
        for line in lines:
            if not line.endswith(" MISSED"):
                continue
            # "expectation   value  bound  MISSED": two spaces end a column.
            columns = re.split(r"\s{2,}", line.strip())
            expectation, value = columns[0], columns[1] if len(columns) == 4 else "-"
            if not any(miss.covers(expectation, value) for miss in listed):
                return []
            missed.append(f"{expectation} {value}")
        return missed


class Tally:
    """Says how each test ended, and counts."""

    def __init__(self):
        self.passed, self.failed, self.skipped, self.run_again = 0, [], [], []
        self.lock = threading.Lock()
        self.known_misses = KnownMisses((TESTS / "known-misses").read_text())
        self.allowed_skips = [pattern for pattern, _ in rows((TESTS / "allowed-skips").read_text(), 2)]

    def count(self, seconds=None, name=None):
        with self.lock:
            self.passed += 1
        if name:
            print(f"ok       {name} ({seconds:.1f} s)", flush=True)

    def fail(self, name, why):
        with self.lock:
            self.failed.append(f"{name}: {why}")
        print(f"FAILED   {name}: {why}", flush=True)

    def skip(self, name, why):
        if not any(fnmatch.fnmatch(name, pattern) for pattern in self.allowed_skips):
            self.fail(name, f"skipped ({why}) and not listed in tests/allowed-skips")
            return
        with self.lock:
            self.skipped.append(name)
        print(f"skipped  {name}: {why}", flush=True)

    def ended(self, name, code, lines, seconds, again=False):
        """A program's end: 0 is passed, 77 skipped with the reason on the last line, and so is a lab scenario that this user
        or kernel does not allow; anything else failed, or with `again` left to the next run. Whether it is decided."""
        if code == 0:
            self.count(seconds, name)
        elif code == 77:
            self.skip(name, lines[-1])
        elif code == NOT_PERMITTED and name.startswith("lab/"):
            self.skip(name, next((line for line in lines if line.startswith("anabranch: ")), lines[-1]))
        elif code == 1 and (missed := self.known_misses.all_known(name, lines)):
            self.count(seconds, name)
            print(f"         known misses of {name}: " + "; ".join(missed), flush=True)
        else:
            print("\n".join("    " + line for line in lines[-60:]), flush=True)
            told = [line.strip() for line in lines if any(word in line for word in ("MISSED", "FAILED", "error"))]
            # A program that ends by itself says 1; all else is a crash.
            return self.failed_once(name, f"exit {code}: " + "; ".join(told[-10:]), again and code == 1)
        return True

    def failed_once(self, name, why, again):
        """Whether that decides it: with `again` it is told, and the next run decides."""
        if not again:
            self.fail(name, why)
            return True
        with self.lock:
            self.run_again.append(f"{name}: {why}")
        print(f"again    {name}: {why}", flush=True)
        return False

    def summary(self):
        """The last lines; what was run again comes before what failed for good."""
        for failure in self.run_again:
            print("again:", failure)
        for failure in self.failed:
            print("failed:", failure)
        print(f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped")
        return 1 if self.failed or self.passed == 0 else 0
