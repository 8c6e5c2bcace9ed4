// SPDX-License-Identifier: MIT
// Many downloads over MPTCP from one process: each connection fetches the same piece by HTTP again
// and again and compares its hash each time. There is no second try: a connection that ends before
// it should, or brings nothing for too long, is broken. It runs in a node as "anabranch lab
// downloads ...", takes words on standard input and reports one JSON object a line.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace anabranch::lab {

struct DownloadOptions {
  anabranch::Endpoint service{};  ///< the Endpoint of topology.hpp is another one
  std::string sha256{};           ///< of the piece
  unsigned live = 1;              ///< connections at a time
  unsigned total = 0;             ///< of them altogether; 0: until it is told to end
  unsigned pieces = 0;            ///< each fetches; 0: until it is told to end
  /// Further subflows that each waits for after its first piece; with less after `join_patience`
  /// it goes on all the same.
  unsigned joins = 0;
  nanoseconds join_patience = seconds(10);
  nanoseconds pause{};                 ///< between two pieces
  nanoseconds patience = seconds(10);  ///< without an octet; then a connection is broken
};

/// A word on standard input. An end of the input says nothing.
inline constexpr std::string_view kDownloadsMark = "mark";  ///< report once all have gone on
inline constexpr std::string_view kDownloadsEnd = "end";  ///< no more pieces; then the last report

/// Counts from the beginning on, but for those of this moment.
struct DownloadReport {
  unsigned done = 0;           ///< connections that brought every piece and were closed by us
  unsigned live = 0;           ///< at this moment
  unsigned wrong = 0;          ///< pieces with another hash
  unsigned pieces = 0;         ///< right ones
  unsigned plain = 0;          ///< connections that were not MPTCP
  unsigned joined = 0;         ///< those that had all their further subflows
  unsigned carried = 0;        ///< those of `done` of which every subflow had brought payload
  unsigned subflows = 0;       ///< of the live ones, at this moment
  unsigned lost_subflows = 0;  ///< gone while their connection went on
  std::map<unsigned, unsigned> broken;  ///< connections, by server; 0: none has answered
  std::string last_failure;

  unsigned all_broken() const;
  bool operator==(const DownloadReport&) const = default;
};

/// Adds up what several processes report.
DownloadReport operator+(const DownloadReport& a, const DownloadReport& b);

/// Ends with the last report when `total` connections are over or the word came. After a mark the
/// report comes when each connection has brought two more pieces or is broken.
Result<void> run_downloads(const DownloadOptions& options, int input_fd, int output_fd);

std::string format_download_report(const DownloadReport& report);
Result<DownloadReport> parse_download_report(std::string_view line);
/// The words after "anabranch lab downloads" that give `options`.
std::vector<std::string> download_arguments(const DownloadOptions& options);

}  // namespace anabranch::lab
