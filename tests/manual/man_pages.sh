#!/bin/sh
# SPDX-License-Identifier: MIT
# man_pages.sh MANUAL: every page is there, and groff has nothing to say about any of them.
set -eu
manual=$1
command -v groff >/dev/null || { echo "SKIP: groff is not installed"; exit 77; }
for page in man8/anabranch.8 man8/anabranch-gateway.8 man8/anabranch-host.8 man8/anabranch-lab.8 \
  man8/anabranch-run.8 man8/anabranch-doctor.8 man5/anabranch-gateway.toml.5 man5/anabranch-host.toml.5; do
  [ -s "$manual/$page" ] || { echo "FAILED: $page is missing"; exit 1; }
done
for page in "$manual"/man?/*; do
  warnings=$(groff -man -Tutf8 -ww -z "$page" 2>&1)
  [ -z "$warnings" ] || { echo "FAILED: $page: $warnings"; exit 1; }
  shown=$(groff -man -Tutf8 -P-cbou "$page")
  for section in NAME SYNOPSIS DESCRIPTION "SEE ALSO"; do
    printf '%s\n' "$shown" | grep -qx "$section" || { echo "FAILED: $page has no $section"; exit 1; }
  done
  # What is said under SEE ALSO about our own pages must exist.
  for other in $(printf '%s\n' "$shown" | grep -o 'anabranch[a-z.-]*([58])' | tr -d ')' | tr '(' '.' | sort -u); do
    [ -e "$manual/man5/$other" ] || [ -e "$manual/man8/$other" ] || { echo "FAILED: $page names $other"; exit 1; }
  done
done
echo ok
