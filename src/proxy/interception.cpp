// SPDX-License-Identifier: MIT
#include "proxy/interception.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "base/registry.hpp"
#include "kernel/nft.hpp"
#include "proxy/interception_rules.hpp"
#include "proxy/local_delivery.hpp"
#include "proxy/own_sockets.hpp"

namespace anabranch::proxy {
namespace {

constexpr LocalDelivery kDelivery{registry::kCpeMark, registry::kCpeTable, registry::kCpeRule};

Result<std::string> rules_for(const CpeSettings& settings, std::uint16_t port,
                              std::span<const WholeAddress> whole) {
  const auto mount = settings.single ? cgroup_mount(*settings.single) : std::string();
  if (!mount) return std::unexpected(mount.error());
  return interception_rules(settings, port, whole, *mount);
}

}  // namespace

Result<void> Interception::start(const CpeSettings& settings, std::uint16_t port,
                                 std::span<const WholeAddress> whole) {
  const auto rules = rules_for(settings, port, whole);
  if (!rules) return std::unexpected(rules.error());
  ANABRANCH_TRY(kDelivery.add());
  ANABRANCH_TRY(kernel::apply_nft(no_interception_rules()));
  return kernel::apply_nft(*rules);
}

Result<void> Interception::change(const CpeSettings& settings, std::uint16_t port,
                                  std::span<const WholeAddress> whole) {
  const auto rules = rules_for(settings, port, whole);
  if (!rules) return std::unexpected(rules.error());
  return kernel::apply_nft(*rules);
}

Result<void> Interception::stop() {
  const auto table = kernel::apply_nft(no_interception_rules());
  const auto routes = kDelivery.remove();
  return table ? routes : table;
}

std::vector<IpPrefix> prefixes_of(const std::vector<std::string>& interfaces) {
  std::vector<IpPrefix> out;
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return out;
  const auto addresses = netlink->addresses();
  for (const auto& name : interfaces) {
    const auto link = netlink->link(name);
    if (!link || !addresses) continue;
    for (const auto& address : *addresses)
      if (address.ifindex == link->index) out.push_back(address.prefix.without_host_bits());
  }
  return out;
}

std::optional<MarkedPackets> led_packets(const CpeSettings& settings, std::vector<IpPrefix> lan) {
  MarkedPackets out{kDelivery.mark, kDelivery.rule, settings.lan, std::move(lan)};
  if (!settings.single) return settings.lan.empty() ? std::nullopt : std::optional(std::move(out));
  out.interfaces.emplace_back("lo");
  out.sources.clear();
  return out;
}

std::vector<kernel::Rule> Interception::rules_in_the_way(const CpeSettings& settings) {
  const auto packets = led_packets(settings, prefixes_of(settings.lan));
  if (!packets) return {};
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return {};
  const auto rules = netlink->rules();
  if (!rules) return {};
  return proxy::rules_in_the_way(*rules, *packets);
}

Result<std::map<std::string, std::uint64_t>> Interception::counters() {
  const auto listed = kernel::list_nft(
      {"-j", "list", "counters", "table", "inet", std::string(registry::kCpeNftTable)});
  if (!listed) return std::unexpected(listed.error());
  const auto root = nlohmann::json::parse(*listed, nullptr, false);
  if (!root.is_object()) return fail("nft's list of counters is not understood");
  std::map<std::string, std::uint64_t> out;
  for (const auto& item : root.value("nftables", nlohmann::json::array())) {
    const auto counter = item.find("counter");
    if (counter == item.end()) continue;
    out[counter->value("name", std::string())] = counter->value("packets", std::uint64_t{0});
  }
  return out;
}

}  // namespace anabranch::proxy
