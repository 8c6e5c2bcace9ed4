// SPDX-License-Identifier: MIT
// What `anabranch doctor` says of a machine that has the file of a CPE or a converter: the settings
// of this very network namespace, what the file names, and whether converters answer over each
// uplink. What is judged is observed first (see observe_machine()); the judgements are pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "kernel/rtnetlink.hpp"
#include "proxy/converter_settings.hpp"
#include "proxy/cpe_settings.hpp"

namespace anabranch::proxy {

enum class Health : std::uint8_t { kOk, kDoubtful, kSick };

struct Check {
  std::string name;  ///< stable, scripts use it
  Health health = Health::kOk;
  std::string found;
  std::string why = {};   ///< it matters; empty when it is ok
  std::string cure = {};  ///< empty when it is ok
};

/// Of the calling thread's network namespace.
struct MachineFacts {
  bool mptcp = false;
  unsigned fast_open = 0;                                ///< net.ipv4.tcp_fastopen
  std::string blackhole_timeout;                         ///< net.mptcp.blackhole_timeout
  std::uint64_t blackholes = 0;                          ///< MPTcpExt Blackhole
  std::uint64_t descriptors = 0;                         ///< that a process may have at most
  std::string congestion_refused;                        ///< of the file's; empty: it is there
  std::vector<kernel::Rule> rules;                       ///< of policy routing
  std::map<std::string, unsigned> reverse_path_filter;   ///< of interfaces, with "all" in it
  std::map<std::string, unsigned> source_mark_in_check;  ///< src_valid_mark, the same
  std::vector<IpPrefix> lan;                             ///< prefixes of the CPE's LAN interfaces
};

/// How a converter answers to a connection from one of our addresses.
struct Reach {
  std::string converter;
  Endpoint endpoint;
  IpAddress from;
  std::string interface;  ///< that has `from`
  std::string leaves_by;  ///< where packets from there to the converter leave; empty: nowhere
  std::string answer;     ///< "answers", or what is wrong
  bool answers = false;
  bool mptcp = false;           ///< the connection did not fall back
  bool cookie_refused = false;  ///< it refuses the cookie that it has just given
};

std::vector<Check> judge_cpe(const CpeSettings& settings, const MachineFacts& facts,
                             const std::vector<Reach>& reaches);
std::vector<Check> judge_converter(const ConverterSettings& settings, const MachineFacts& facts);

/// `interfaces`: whose filters are looked at; of a CPE its LAN.
MachineFacts observe_machine(const std::string& congestion,
                             const std::vector<std::string>& interfaces);
/// Connects to each converter from each address that could have a subflow: takes up to two seconds
/// for each that is silent.
std::vector<Reach> observe_reach(const CpeSettings& settings);

std::vector<Check> check_cpe(const CpeSettings& settings);
std::vector<Check> check_converter(const ConverterSettings& settings);

}  // namespace anabranch::proxy
