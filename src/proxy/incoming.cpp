// SPDX-License-Identifier: MIT
#include "proxy/incoming.hpp"

#include <limits>

namespace anabranch::proxy {
namespace {

constexpr milliseconds kUnreachableAfter{1000};
constexpr milliseconds kRetry{10'000};
constexpr std::uint32_t kErrorsPerSecond = 1000;

}  // namespace

std::shared_ptr<const CpeSettings> asking_settings(const ConverterSettings& settings,
                                                   const IncomingPort& entry) {
  CpeSettings out;
  out.congestion = settings.congestion;
  out.unreachable_after = kUnreachableAfter;
  out.retry = kRetry;
  out.setup = settings.limits.setup;
  out.idle = settings.limits.idle;
  out.half_closed = settings.limits.half_closed;
  out.converters = {{entry.name, entry.to, 1}};
  return std::make_shared<const CpeSettings>(std::move(out));
}

std::shared_ptr<const ConverterSettings> asked_settings(const CpeSettings& settings) {
  ConverterSettings out;
  out.congestion = settings.congestion;
  for (const auto& converter : settings.converters)
    out.clients.push_back(IpPrefix::host(converter.endpoint.address));
  // They are counted by themselves; one converter may bring them all.
  out.limits = {.total = settings.limits.total,
                .per_client = std::numeric_limits<std::uint64_t>::max(),
                .setup = settings.setup,
                .idle = settings.idle,
                .half_closed = settings.half_closed,
                .errors_per_second = kErrorsPerSecond};
  return std::make_shared<const ConverterSettings>(std::move(out));
}

}  // namespace anabranch::proxy
