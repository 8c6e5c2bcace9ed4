// SPDX-License-Identifier: MIT
#include "lab/setup_figures.hpp"

#include <algorithm>

namespace anabranch::lab {
namespace {

double round_trips(nanoseconds time, nanoseconds rtt) {
  return static_cast<double>(time.count()) / static_cast<double>(rtt.count());
}

}  // namespace

std::string setup_way_name(SetupWay way) {
  switch (way) {
    case SetupWay::kDirect:
      return "direct";
    case SetupWay::kConvert:
      return "convert";
    case SetupWay::kConvertNoSynData:
      return "convert_no_syn_data";
    case SetupWay::kSocks:
      return "socks5";
  }
  return "?";
}

nanoseconds percentile(std::vector<nanoseconds> times, double share) {
  if (times.empty()) return {};
  std::ranges::sort(times);
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(times.size()));
  return times[std::min(rank, times.size() - 1)];
}

void SetupFigures::add(SetupWay way, bool server_first, const std::vector<Exchange>& exchanges) {
  auto& times = times_[{way, server_first}];
  for (const auto& exchange : exchanges) {
    times.request.emplace_back(exchange.request_ns - exchange.syn_ns);
    times.first_octet.emplace_back(exchange.first_octet_ns() - exchange.syn_ns);
  }
}

const SetupFigures::Times& SetupFigures::of(SetupWay way, bool server_first) const {
  static const Times none;
  const auto found = times_.find({way, server_first});
  return found == times_.end() ? none : found->second;
}

std::size_t SetupFigures::count(SetupWay way, bool server_first) const {
  return of(way, server_first).request.size();
}

nanoseconds SetupFigures::request(SetupWay way, bool server_first, double share) const {
  return percentile(of(way, server_first).request, share);
}

nanoseconds SetupFigures::first_octet(SetupWay way, bool server_first, double share) const {
  return percentile(of(way, server_first).first_octet, share);
}

double SetupFigures::request_added(SetupWay way, bool server_first, double share,
                                   nanoseconds rtt) const {
  return round_trips(
      request(way, server_first, share) - request(SetupWay::kDirect, server_first, 0.5), rtt);
}

double SetupFigures::first_octet_added(SetupWay way, bool server_first, double share,
                                       nanoseconds rtt) const {
  return round_trips(
      first_octet(way, server_first, share) - first_octet(SetupWay::kDirect, server_first, 0.5),
      rtt);
}

}  // namespace anabranch::lab
