// SPDX-License-Identifier: MIT
// What a running converter shows: `anabranch converter show` and its metrics.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "proxy/converter_plane.hpp"
#include "proxy/converter_settings.hpp"
#include "proxy/cpe_plane.hpp"
#include "status/metrics.hpp"

namespace anabranch::proxy {

struct IncomingToCpe {
  IncomingPort port;
  bool reachable = true;  ///< the CPE
  CpeCounts counts;
};

struct ConverterView {
  std::string file;
  const ConverterSettings& settings;
  std::size_t workers = 0;
  bool draining = false;
  std::uint64_t clients = 0;  ///< with a connection
  std::uint64_t memory = 0;   ///< octets, of MemoryBudget
  ConverterCounts counts;
  std::vector<IncomingToCpe> incoming = {};
  std::uint64_t mappings_lost = 0;  ///< lines that are missing in the log
};

std::string converter_report_json(const ConverterView& view);
/// Of that JSON, for people.
Result<std::string> converter_report_text(const std::string& report);

/// Every metric there is.
std::span<const status::MetricDefinition> converter_metric_definitions();
std::vector<status::Metric> converter_metrics(const ConverterView& view);

}  // namespace anabranch::proxy
