#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import contextlib
import io
import subprocess
import time
import unittest

from jobs import Job, Lanes
from judging import Tally


class Jobs(unittest.TestCase):
    def setUp(self):
        self.tally, self.said = Tally(), io.StringIO()

    def job(self, script, timeout=20, **options):
        return Job(self.tally, "scenario/x@root", ["sh", "-c", script], timeout, **options)

    def run_one(self, job, **options):
        with contextlib.redirect_stdout(self.said):
            return job.run(**options)

    def test_one_that_leaves_a_program_running_has_ended_and_so_has_the_program(self):
        began = time.monotonic()
        self.assertTrue(self.run_one(self.job("sleep 98765 & echo ok")))
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual((self.tally.passed, self.tally.failed), (1, []))
        self.assertNotIn("sleep 98765", subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout.splitlines())

    def test_one_that_hangs_is_ended_and_what_it_said_is_told(self):
        self.assertTrue(self.run_one(self.job("echo so far; sleep 98764", timeout=0.5)))
        self.assertEqual(self.tally.failed, ["scenario/x@root: not done after 0.5 s"])
        self.assertIn("so far", self.said.getvalue())

    def test_one_that_fails_beside_others_is_left_to_a_run_alone(self):
        lanes = Lanes(2)
        with contextlib.redirect_stdout(self.said):
            lanes.run([self.job("exit 0"), self.job("exit 1"), self.job("exit 0", lanes=2)])
        self.assertEqual((self.tally.passed, self.tally.failed, len(lanes.undecided)), (2, [], 1))

    def test_where_several_fail_beside_others_the_rest_run_one_by_one(self):
        lanes = Lanes(4, one_by_one_after=2)
        self.assertEqual(lanes.needed(self.job("exit 0")), 1)
        with contextlib.redirect_stdout(self.said):
            lanes.run([self.job("exit 1"), self.job("exit 1")])
            self.assertEqual(lanes.needed(self.job("exit 0")), 4)
            lanes.run([self.job("exit 0"), self.job("exit 0")])
        self.assertEqual((self.tally.passed, len(lanes.undecided), lanes.free), (2, 2, 4))

    def test_alone_the_best_of_its_runs_counts(self):
        with contextlib.redirect_stdout(self.said):
            self.job("exit 1", runs_alone=3).run_alone()
        self.assertEqual((len(self.tally.run_again), len(self.tally.failed)), (2, 1))


if __name__ == "__main__":
    unittest.main()
