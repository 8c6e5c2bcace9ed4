// SPDX-License-Identifier: MIT
// What the ways to a server cost before the first octets are there, against plain TCP, in round
// trips between CPE and converter. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "lab/exchange.hpp"

namespace anabranch::lab {

/// How a connection reaches the server.
enum class SetupWay : std::uint8_t { kDirect, kConvert, kConvertNoSynData, kSocks };
inline constexpr SetupWay kSetupWays[] = {SetupWay::kDirect, SetupWay::kConvert,
                                          SetupWay::kConvertNoSynData, SetupWay::kSocks};
/// "direct", "convert", "convert_no_syn_data", "socks5"
std::string setup_way_name(SetupWay way);

/// A percentile of times; the upper of two in the middle. Zero for none.
nanoseconds percentile(std::vector<nanoseconds> times, double share);

/// What is asked over a way.
struct SetupCase {
  bool far = false;           ///< the server is far from the converter
  bool server_first = false;  ///< who speaks first
  auto operator<=>(const SetupCase&) const = default;
};
inline constexpr SetupCase kSetupCases[] = {
    {false, false}, {false, true}, {true, false}, {true, true}};
/// "", "_server_first", "_far", "_far_server_first"
std::string setup_case_suffix(SetupCase asked);

class SetupFigures {
 public:
  void add(SetupWay way, SetupCase asked, const std::vector<Exchange>& exchanges);
  std::size_t count(SetupWay way, SetupCase asked) const;
  /// From the SYN to the first octet of the request at the server.
  nanoseconds request(SetupWay way, SetupCase asked, double share) const;
  /// From the SYN to the first octet of the server at the client.
  nanoseconds first_octet(SetupWay way, SetupCase asked, double share) const;
  /// The same less the median of plain TCP in the same case.
  double request_added(SetupWay way, SetupCase asked, double share, nanoseconds rtt) const;
  double first_octet_added(SetupWay way, SetupCase asked, double share, nanoseconds rtt) const;

 private:
  struct Times {
    std::vector<nanoseconds> request;
    std::vector<nanoseconds> first_octet;
  };
  const Times& of(SetupWay way, SetupCase asked) const;
  std::map<std::pair<SetupWay, SetupCase>, Times> times_;
};

}  // namespace anabranch::lab
