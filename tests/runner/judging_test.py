#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A missed bound passes when tests/known-misses lists it and it is no worse than listed."""
import contextlib
import io
import unittest

from judging import TESTS, KnownMisses, Tally

LISTED = """# a comment
lab/cut | silence, *: longest* | <= 8 | a reason | with a bar
lab/cut | slowest path / its rate [1] | >= 0.3 | another
"""
# As `anabranch lab run` prints it.
SHOWN = """Expected
  silence, upload: longest (pair C)  {silence}  <= 1    MISSED
  slowest path / its rate [1]          {share}  >= 0.5  MISSED
  hashes                                 0  <= 0    ok
cut: MISSED, 2 of 3 expectations do not hold
"""


def missed(silence="2.5", share="0.4", name="lab/cut@root"):
    return KnownMisses(LISTED).all_known(name, SHOWN.format(silence=silence, share=share).splitlines())


class KnownMissesTest(unittest.TestCase):
    def test_all_within_their_limits_are_told_with_their_figures(self):
        self.assertEqual(missed(), ["silence, upload: longest (pair C) 2.5", "slowest path / its rate [1] 0.4"])
        self.assertTrue(missed(silence="8", share="0.3"))

    def test_beyond_its_limit_it_fails(self):
        self.assertEqual(missed(silence="8.01"), [])
        self.assertEqual(missed(share="0.29"), [])
        self.assertEqual(missed(share="0"), [])

    def test_a_large_number_has_spaces(self):
        self.assertEqual(missed(silence="12 345"), [])

    def test_no_number_is_beyond_every_limit(self):
        self.assertEqual(missed(silence="-"), [])

    def test_one_that_is_not_listed_fails_all(self):
        lines = SHOWN.format(silence=2, share=0.4).splitlines() + ["  transfers that failed  1  <= 0  MISSED"]
        self.assertEqual(KnownMisses(LISTED).all_known("lab/cut@root", lines), [])

    def test_another_scenario_knows_nothing_of_it(self):
        self.assertEqual(missed(name="lab/cuts@root"), [])

    def test_without_a_limit_the_list_is_refused(self):
        with self.assertRaises(ValueError):
            KnownMisses("lab/cut | silence | a reason | of two columns\n")

    def test_the_list_of_the_tree_is_good(self):
        self.assertTrue(KnownMisses((TESTS / "known-misses").read_text()))


class TallyTest(unittest.TestCase):
    def judged(self, code, lines, again=False):
        tally = Tally()
        tally.known_misses = KnownMisses(LISTED)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            decided = tally.ended("lab/cut@root", code, lines, 1, again)
        return decided, tally.passed, len(tally.failed), len(tally.skipped), said.getvalue()

    def test_a_known_miss_passes_and_is_told(self):
        decided, *counts, said = self.judged(1, SHOWN.format(silence=2, share=0.4).splitlines(), again=True)
        self.assertEqual((decided, counts), (True, [1, 0, 0]))
        self.assertIn("silence, upload: longest (pair C) 2", said)

    def test_beyond_its_limit_another_run_decides_when_there_is_one(self):
        lines = SHOWN.format(silence=9, share=0.4).splitlines()
        self.assertEqual(self.judged(1, lines, again=True)[:4], (False, 0, 0, 0))
        self.assertEqual(self.judged(1, lines)[:4], (True, 0, 1, 0))

    def test_a_skip_that_nobody_allowed_has_failed(self):
        self.assertEqual(self.judged(77, ["SKIP: no reason"])[:4], (True, 0, 1, 0))

    def test_a_lab_scenario_that_is_not_allowed_here_is_skipped(self):
        lines = ["anabranch: the balancer's BPF programs may not be loaded here", "hint: run the lab as root"]
        tally = Tally()
        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.assertTrue(tally.ended("lab/balancer@user", 3, lines, 1))
        self.assertEqual(tally.skipped, ["lab/balancer@user"])
        self.assertIn("may not be loaded here", said.getvalue())
        with contextlib.redirect_stdout(io.StringIO()):
            tally.ended("lab/balancer@root", 3, lines, 1)
            tally.ended("scenario/balancer@user", 3, lines, 1)
        self.assertEqual(len(tally.failed), 2)

    def test_a_crash_is_no_known_miss(self):
        self.assertEqual(self.judged(-11, SHOWN.format(silence=2, share=0.4).splitlines())[:4], (True, 0, 1, 0))

    def test_a_crash_is_not_run_again(self):
        self.assertEqual(self.judged(-11, ["Segmentation fault"], again=True)[:4], (True, 0, 1, 0))

    def test_what_was_run_again_is_told_at_the_end(self):
        tally = Tally()
        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.assertFalse(tally.ended("scenario/x@root", 1, ["FAILED: why"], 1, again=True))
            tally.ended("scenario/x@root", 0, ["ok"], 1)
            tally.summary()
        self.assertTrue(said.getvalue().endswith("again: scenario/x@root: exit 1: FAILED: why\n1 passed, 0 failed, 0 skipped\n"))


if __name__ == "__main__":
    unittest.main()
