// SPDX-License-Identifier: MIT
// What a running CPE shows: `anabranch cpe show` and its metrics.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "proxy/converter_plane.hpp"
#include "proxy/converter_pool.hpp"
#include "proxy/cpe_plane.hpp"
#include "proxy/cpe_settings.hpp"
#include "proxy/local_plane.hpp"
#include "status/metrics.hpp"

namespace anabranch::proxy {

struct IncomingToHost {
  IncomingPort port;
  ConverterCounts counts;
};

struct LocalDoorView {
  LocalDoorSettings settings;
  std::uint64_t connections = 0;
  LocalCounts counts;
};

struct CpeView {
  std::string file;
  const CpeSettings& settings;
  std::size_t workers = 0;
  std::uint16_t port = 0;  ///< of the transparent listeners
  std::vector<ConverterPool::View> converters;
  std::vector<std::string> host_roles = {};      ///< whose host roles are followed, by interface
  std::uint64_t hosts = 0;                       ///< with a connection
  std::uint64_t memory = 0;                      ///< octets, of MemoryBudget
  std::map<std::string, std::uint64_t> packets;  ///< of the counters of interception_rules()
  CpeCounts counts;
  std::vector<IncomingToHost> incoming = {};
  std::vector<LocalDoorView> local = {};
};

std::string cpe_report_json(const CpeView& view);
/// Of that JSON, for people.
Result<std::string> cpe_report_text(const std::string& report);

/// Every metric there is.
std::span<const status::MetricDefinition> cpe_metric_definitions();
std::vector<status::Metric> cpe_metrics(const CpeView& view);

}  // namespace anabranch::proxy
