// SPDX-License-Identifier: MIT
// What the scenario "proxy" measures, as values: transfers through the pair that differ in who
// connects, in family and in direction, and cuts of an uplink in each.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"
#include "lab/scenario.hpp"
#include "lab/topology.hpp"
#include "lab/transfer.hpp"

namespace anabranch::lab {

/// Who connects: the LAN host to the server, or a remote host to the LAN host.
enum class Opener : std::uint8_t { kHost, kRemote };

struct ProxyCase {
  Opener opener = Opener::kHost;
  Family family = Family::kIpv4;
  bool upload = false;  ///< out of the LAN, whoever connects

  std::string name() const;   ///< "down", "incoming_up_ipv6"
  std::string title() const;  ///< "download over IPv4", "upload from outside over IPv6"
  /// Between two programs that choose neither source nor protocol.
  TransferPlan transfer(nanoseconds duration) const;
  auto operator<=>(const ProxyCase&) const = default;
};

struct ProxyCut {
  ProxyCase transfer;
  unsigned uplink = 1;
  auto operator<=>(const ProxyCut&) const = default;
};

struct ProxyPlan {
  nanoseconds transfer;
  nanoseconds before_cut;
  nanoseconds cut;
  nanoseconds after_return;
  unsigned rounds;  ///< of aggregates and of cuts
  bool whole;       ///< every case, and every cut of each; else a fair part of them

  nanoseconds disturbed() const { return before_cut + cut + after_return; }
};

ProxyPlan proxy_plan(Scale scale);
ProxyPlan proxy_plan(const ScenarioRun& run);

inline constexpr std::string_view kAggregatePart = "aggregate";
inline constexpr std::string_view kFailoverPart = "failover";
inline constexpr std::string_view kProgramsPart = "programs";
bool wants_part(const Choice& choice, std::string_view part);
std::vector<std::string_view> proxy_words();

/// Of a plan that is not whole: one direction for each opener and family, so that each of the three
/// is met with each value of the others.
std::vector<ProxyCase> proxy_cases(const Choice& choice, bool whole);
/// Of a plan that is not whole: one uplink for each case, and each uplink with each direction and
/// each opener.
std::vector<ProxyCut> proxy_cuts(const Choice& choice, bool whole);

/// 20 Mbit/s 10 ms and 30 Mbit/s 25 ms one way, queues of 50 ms.
const std::vector<LinkProfile>& proxy_uplinks();

}  // namespace anabranch::lab
