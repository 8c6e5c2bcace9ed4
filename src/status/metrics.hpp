// SPDX-License-Identifier: MIT
// A role's figures for Prometheus: GET /metrics in its text format, off unless the file asks for
// it.
//
// The figures belong to the role's event loop, HTTP has threads of its own. A scrape therefore
// posts one question to the loop and waits for the answer, for kScrapePatience at most; the loop
// never waits for a scrape. However many scrape at once, one question is under way.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/loop.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "status/metrics_settings.hpp"

namespace anabranch::status {

inline constexpr seconds kScrapePatience{2};

enum class MetricType { kCounter, kGauge };

/// One line of the table in docs/metrics.md. Names follow the conventions of Prometheus: base
/// units, counters end in _total.
struct MetricDefinition {
  std::string_view name;
  MetricType type;
  std::string_view help;
};

struct Metric {
  const MetricDefinition* definition;  ///< of static life
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
};

/// anabranch_build_info, which every role has.
const MetricDefinition& build_info_definition();

class MetricsServer {
 public:
  /// Called on the loop only.
  using Snapshot = std::function<std::vector<Metric>()>;

  /// Errors: the port is taken, no such address here, not permitted. An address that is not
  /// loopback is said in the log.
  static Result<MetricsServer> open(Loop& loop, const MetricsAddress& address, Snapshot snapshot);
  MetricsServer(MetricsServer&&) noexcept;
  MetricsServer& operator=(MetricsServer&&) noexcept;
  /// On the loop's thread, or after the loop has ended. Scrapes under way end without figures.
  ~MetricsServer();

 private:
  struct Impl;
  explicit MetricsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::status
