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

std::string setup_case_suffix(SetupCase asked) {
  return std::string(asked.far ? "_far" : "") + (asked.server_first ? "_server_first" : "");
}

nanoseconds percentile(std::vector<nanoseconds> times, double share) {
  if (times.empty()) return {};
  std::ranges::sort(times);
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(times.size()));
  return times[std::min(rank, times.size() - 1)];
}

void SetupFigures::add(SetupWay way, SetupCase asked, const std::vector<Exchange>& exchanges) {
  auto& times = times_[{way, asked}];
  for (const auto& exchange : exchanges) {
    times.request.emplace_back(exchange.request_ns - exchange.syn_ns);
    times.first_octet.emplace_back(exchange.first_octet_ns() - exchange.syn_ns);
  }
}

const SetupFigures::Times& SetupFigures::of(SetupWay way, SetupCase asked) const {
  static const Times none;
  const auto found = times_.find({way, asked});
  return found == times_.end() ? none : found->second;
}

std::size_t SetupFigures::count(SetupWay way, SetupCase asked) const {
  return of(way, asked).request.size();
}

nanoseconds SetupFigures::request(SetupWay way, SetupCase asked, double share) const {
  return percentile(of(way, asked).request, share);
}

nanoseconds SetupFigures::first_octet(SetupWay way, SetupCase asked, double share) const {
  return percentile(of(way, asked).first_octet, share);
}

double SetupFigures::request_added(SetupWay way, SetupCase asked, double share,
                                   nanoseconds rtt) const {
  return round_trips(request(way, asked, share) - request(SetupWay::kDirect, asked, 0.5), rtt);
}

double SetupFigures::first_octet_added(SetupWay way, SetupCase asked, double share,
                                       nanoseconds rtt) const {
  return round_trips(first_octet(way, asked, share) - first_octet(SetupWay::kDirect, asked, 0.5),
                     rtt);
}

}  // namespace anabranch::lab
