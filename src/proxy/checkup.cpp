// SPDX-License-Identifier: MIT
#include "proxy/checkup.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/registry.hpp"
#include "proxy/fast_open.hpp"
#include "proxy/interception.hpp"
#include "proxy/rules_in_the_way.hpp"

namespace anabranch::proxy {
namespace {

constexpr unsigned kStrict = 1;
/// Of a home gateway: less is soon used up.
constexpr std::uint64_t kCpeConnections = 4096;

Check mptcp(const MachineFacts& facts) {
  if (facts.mptcp) return {"mptcp", Health::kOk, "there"};
  return {"mptcp", Health::kSick, "off, or not in this kernel",
          "without it there is one path and no proxy pair", "sysctl -w net.mptcp.enabled=1"};
}

Check fast_open(const MachineFacts& facts, FastOpen::Side side) {
  const auto found = fmt::format("net.ipv4.tcp_fastopen is {}", facts.fast_open);
  if ((facts.fast_open & side) != 0) return {"fast_open", Health::kOk, found};
  return {"fast_open", Health::kDoubtful,
          found + fmt::format(", without bit {}", static_cast<unsigned>(side)),
          "each connection takes a round trip more; the role sets it when it starts and may",
          fmt::format("sysctl -w net.ipv4.tcp_fastopen={}", facts.fast_open | side)};
}

Check blackhole(const MachineFacts& facts) {
  const auto found = fmt::format("net.mptcp.blackhole_timeout is {}, {} times so far",
                                 facts.blackhole_timeout, facts.blackholes);
  if (facts.blackholes == 0 || facts.blackhole_timeout == "0")
    return {"mptcp_blackhole", Health::kOk, found};
  return {
      "mptcp_blackhole", Health::kDoubtful, found,
      "the kernel takes lost SYNs for a firewall against MPTCP, and makes all connections plain "
      "TCP for so long",
      "sysctl -w net.mptcp.blackhole_timeout=0 where no such firewall is"};
}

Check descriptors(const MachineFacts& facts, std::uint64_t connections) {
  const auto found = fmt::format("a process has {} at most, enough for {} connections",
                                 facts.descriptors, facts.descriptors / 2);
  if (facts.descriptors >= 2 * connections) return {"descriptors", Health::kOk, found};
  return {"descriptors", Health::kDoubtful, found,
          fmt::format("there may be {} connections", connections),
          "LimitNOFILE= of the service, or ulimit -Hn"};
}

Check congestion(const std::string& name, const MachineFacts& facts) {
  if (!facts.congestion_refused.empty())
    return {"congestion", Health::kSick, facts.congestion_refused, "the role does not start",
            "modprobe tcp_" + name + ", or another one in 'congestion'"};
  if (name != "bbr") return {"congestion", Health::kOk, name};
  return {"congestion", Health::kDoubtful, "bbr",
          "without the queueing discipline fq on each uplink it holds several subflows back",
          "congestion = \"cubic\", or tc qdisc replace dev UPLINK root fq"};
}

Check rules(const MachineFacts& facts, const MarkedPackets& packets) {
  const auto in_the_way = rules_in_the_way(facts.rules, packets);
  if (in_the_way.empty())
    return {"rules", Health::kOk, fmt::format("none before ours, {}", packets.rule)};
  std::string found;
  for (const auto& rule : in_the_way) found += (found.empty() ? "" : "; ") + rule_text(rule);
  return {"rules", Health::kDoubtful, found,
          "they come before ours and may take packets of the connections we have",
          fmt::format("priorities above {}, or a condition that leaves mark {:#x} out",
                      packets.rule, packets.mark)};
}

unsigned of(const std::map<std::string, unsigned>& values, const std::string& interface) {
  const auto found = values.find(interface);
  return found == values.end() ? 0 : found->second;
}

/// The kernel takes the larger one of the interface's and of "all".
std::string with(const std::map<std::string, unsigned>& values, unsigned wanted) {
  const auto all = of(values, "all");
  std::string out;
  for (const auto& [interface, value] : values)
    if (interface != "all" && std::max(value, all) == wanted)
      out += (out.empty() ? "" : ", ") + interface;
  return out;
}

Check reverse_path(const MachineFacts& facts) {
  const auto strict = with(facts.reverse_path_filter, kStrict);
  if (strict.empty()) return {"rp_filter", Health::kOk, "not strict"};
  return {"rp_filter", Health::kDoubtful, "strict on " + strict,
          "packets of hosts whose way back is another interface are dropped before we see them",
          "sysctl -w net.ipv4.conf.all.rp_filter=2"};
}

Check source_mark(const MachineFacts& facts) {
  const auto on = with(facts.source_mark_in_check, 1);
  if (on.empty()) return {"src_valid_mark", Health::kOk, "off"};
  return {"src_valid_mark", Health::kSick, "on for " + on,
          "by our mark the kernel takes hosts' own addresses for this machine's, and drops their "
          "packets",
          "sysctl -w net.ipv4.conf.all.src_valid_mark=0, and the same for the interface"};
}

Check reach(const Reach& reach) {
  const auto name = fmt::format("converter {} from {}", reach.converter, reach.from.text());
  if (reach.leaves_by.empty())
    return {name, Health::kSick, "no route to " + reach.endpoint.address.text(),
            "there is no subflow from this address",
            fmt::format("ip rule add from {} lookup TABLE, with a default route by {} in TABLE",
                        reach.from.text(), reach.interface)};
  if (reach.leaves_by != reach.interface)
    return {name, Health::kDoubtful,
            fmt::format("its packets leave by {}, and not by {}", reach.leaves_by, reach.interface),
            "this uplink carries nothing",
            fmt::format("ip rule add from {} lookup TABLE, with a default route by {} in TABLE",
                        reach.from.text(), reach.interface)};
  if (reach.cookie_refused)
    return {name, Health::kSick, "it refuses the cookie that it has just given",
            "several converters behind one address have different secrets",
            "the same cookie_secret_file and cookie_slot on all of them, and clocks that agree"};
  if (!reach.answers)
    return {
        name, Health::kSick, reach.answer, "connections of hosts go direct",
        fmt::format("a converter that runs and serves this address, and nothing on the way that "
                    "stops port {}",
                    reach.endpoint.port)};
  if (!reach.mptcp)
    return {name, Health::kDoubtful, "answers, by plain TCP",
            "connections have one path: something on the way, or the converter, takes MPTCP out",
            "ask who runs that network; anabranch doctor on the converter"};
  return {name, Health::kOk, reach.answer};
}

void add_common(std::vector<Check>& out, const MachineFacts& facts, FastOpen::Side side,
                const std::string& congestion_control, std::uint64_t connections) {
  out.push_back(mptcp(facts));
  out.push_back(fast_open(facts, side));
  out.push_back(blackhole(facts));
  out.push_back(congestion(congestion_control, facts));
  out.push_back(descriptors(facts, connections));
}

}  // namespace

std::vector<Check> judge_cpe(const CpeSettings& settings, const MachineFacts& facts,
                             const std::vector<Reach>& reaches) {
  std::vector<Check> out;
  add_common(out, facts, FastOpen::kClient, settings.congestion, kCpeConnections);
  out.push_back(reverse_path(facts));
  out.push_back(source_mark(facts));
  if (const auto packets = led_packets(settings, facts.lan)) out.push_back(rules(facts, *packets));
  for (const auto& one : reaches) out.push_back(reach(one));
  return out;
}

std::vector<Check> judge_converter(const ConverterSettings& settings, const MachineFacts& facts) {
  std::vector<Check> out;
  add_common(out, facts, FastOpen::kServer, settings.congestion, settings.limits.total);
  const bool others_addresses =
      settings.source.mode == SourceMode::kPreservation ||
      std::ranges::any_of(settings.incoming, &IncomingPort::whole_address);
  if (!others_addresses) return out;
  out.push_back(reverse_path(facts));
  out.push_back(source_mark(facts));
  out.push_back(rules(facts, {registry::kConverterMark, registry::kConverterRule, {}, {}}));
  return out;
}

}  // namespace anabranch::proxy
