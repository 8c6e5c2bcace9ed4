// SPDX-License-Identifier: MIT
// What is done to a balanced cluster while connections are held through it, and what broke of them.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "lab/balanced_cures.hpp"
#include "lab/balanced_roles.hpp"
#include "lab/balanced_visitors.hpp"
#include "lab/scenario.hpp"

namespace anabranch::lab {

inline constexpr unsigned kChurnServers = 5;  ///< the last of them is added on the way

/// "table", "stateless", "chain": in figures and of --only.
std::string_view memory_word(Memory memory);

/// One cluster that goes through all of it.
struct ChurnCase {
  Cure cure = Cure::kPort;
  Memory memory = Memory::kTable;
  Family family = Family::kIpv4;

  std::string name() const;  ///< "port_table_ipv4"
};

enum class ChurnEvent : std::uint8_t {
  kServerAdded,
  kServerDrained,
  kRingChanged,
  kBalancerKilled,
  kBalancerBack,
  kBalancerRestarted,
  kServerKilled
};
inline constexpr std::array kChurnEvents = {
    ChurnEvent::kServerAdded,    ChurnEvent::kServerDrained, ChurnEvent::kRingChanged,
    ChurnEvent::kBalancerKilled, ChurnEvent::kBalancerBack,  ChurnEvent::kBalancerRestarted,
    ChurnEvent::kServerKilled};
std::string_view event_text(ChurnEvent event);

/// From one event to the next.
struct Broken {
  unsigned held = 0;            ///< long connections
  unsigned subflows = 0;        ///< of long connections that went on
  unsigned short_ones = 0;      ///< the load: one piece each
  unsigned killed_servers = 0;  ///< connections of the server that was killed

  Broken& operator+=(const Broken& other);
};

struct ChurnFigures {
  std::array<Broken, kChurnEvents.size()> broken{};
  unsigned held = 0;             ///< long connections
  unsigned joined = 0;           ///< those with all their further subflows
  unsigned wrong = 0;            ///< pieces with another hash
  unsigned pieces = 0;           ///< right ones
  unsigned loaded = 0;           ///< short connections that came to their end
  std::uint64_t to_drained = 0;  ///< connections that began on the drained server
  std::uint64_t to_added = 0;    ///< on the one that was added

  Broken all_broken() const;
};

/// What two reports of long and of short connections mean; after `killed`, a server that has not
/// answered is taken to be the one that was killed.
Broken broken_between(ChurnEvent event, const DownloadReport& held_before,
                      const DownloadReport& held_after, const DownloadReport& load_before,
                      const DownloadReport& load_after);

/// From a fresh balancer to its removal; the servers are as before afterwards.
Result<ChurnFigures> run_churn(ScenarioRun& run, const ChurnCase& of, const Piece& piece,
                               unsigned connections);

}  // namespace anabranch::lab
