// SPDX-License-Identifier: MIT
#include "balancer/server_machine.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "kernel/sysctl.hpp"

namespace anabranch::balancer {
namespace {

using Listens = MachineFacts::Listens;
using State = Announcement::State;

int number_at(const std::string& key) {
  const auto text = kernel::read_sysctl(key).value_or("0");
  int out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

/// Of a setting whose higher value counts, the interface's or that of all.
int in_effect(const std::string& interface, std::string_view setting) {
  const auto of = [&](std::string_view which) {
    return number_at(fmt::format("net/ipv4/conf/{}/{}", which, setting));
  };
  return std::max(of("all"), of(interface));
}

std::string name_of(const MachineFacts& facts, unsigned index) {
  const auto link = std::ranges::find(facts.links, index, &kernel::LinkInfo::index);
  return link == facts.links.end() ? std::to_string(index) : link->name;
}

std::string add_address(const IpAddress& address) {
  return fmt::format("ip address add {} dev lo", IpPrefix::host(address).text());
}

/// Where the application takes joins, beside the services' own addresses.
Result<std::vector<IpAddress>> where_joins_are_taken(kernel::SocketDiag& sockets,
                                                     const ServerDuties& duties,
                                                     const MachineFacts& facts) {
  std::vector<IpAddress> out;
  const bool serves = std::ranges::any_of(
      facts.listeners, [](const auto& one) { return one.second != Listens::kNobody; });
  for (const auto& address : duties.own) {
    bool taken = !serves;
    for (const auto& service : duties.services) {
      const auto found = sockets.takes_joins({address, service.port});
      if (!found) return std::unexpected(found.error());
      taken = taken || *found;
    }
    if (taken) out.push_back(address);
  }
  return out;
}

class Judge {
 public:
  Judge(const Server& server, const ServerDuties& duties, const MachineFacts& facts)
      : server_(server), duties_(duties), facts_(facts) {}

  void mptcp() {
    if (!facts_.mptcp)
      say("MPTCP is switched off, so that there are no further subflows",
          "sysctl -w net.mptcp.enabled=1");
  }

  void own_addresses() {
    for (const auto& address : server_.addresses)
      if (address && facts_.interface_of(*address) == 0)
        say(fmt::format("no interface has {}, where the balancer sends packets to",
                        address->text()),
            "is this machine " + server_.name + "? Another one is named by --name");
  }

  void services() {
    std::set<IpAddress> seen;
    for (const auto& service : duties_.services) {
      if (seen.insert(service.address).second) service_address(service.address);
      if (facts_.interface_of(service.address) != 0) listener(service);
    }
  }

  void interfaces() {
    for (const auto& [index, switches] : facts_.switches) {
      const auto name = name_of(facts_, index);
      if (answers_for_services() && switches.arp_ignore == 0)
        say(fmt::format("{} answers ARP for the services' addresses, so that clients or the router "
                        "may find this server in the balancer's place",
                        name),
            fmt::format("sysctl -w net.ipv4.conf.{}.arp_ignore=1", name));
      if (switches.rp_filter == 1)
        say(fmt::format("the reverse-path filter of {} drops packets of clients to whom another "
                        "interface leads",
                        name),
            fmt::format("sysctl -w net.ipv4.conf.{}.rp_filter=2", name));
    }
  }

  void announcements(std::span<const Announcement> announcements) {
    for (const auto& one : announcements) {
      const auto place = place_text(one.at);
      if (one.state == State::kNoRoom)
        say(fmt::format("{} is not announced: the kernel has {} MPTCP endpoints and no more", place,
                        kMostEndpoints),
            "one address of each IP family is enough for all services; see 'ip mptcp endpoint'");
      else if (one.state == State::kInTheWay)
        say(fmt::format("{} is not announced: there is an MPTCP endpoint with this address that is "
                        "for something else",
                        place),
            "see 'ip mptcp endpoint' and whose it is");
      else if (one.state == State::kNoAddress && !is_service(one.at.address))
        say(fmt::format("{} is not announced: this machine does not have it", place),
            add_address(one.at.address));
    }
  }

  /// 32 octets of ADD_ADDR (RFC 8684 section 3.4.1) and 12 of timestamps are more than the 40 that
  /// TCP's options have; the kernel then says nothing.
  void room_to_announce() {
    if (!facts_.timestamps) return;
    for (const auto& address : duties_.at_port)
      if (!address.is_v4())
        say(fmt::format("{} is not announced to clients that use TCP timestamps, which leave no "
                        "room for an IPv6 address with a port",
                        place_text({address, duties_.join_port})),
            "sysctl -w net.ipv4.tcp_timestamps=0, or the cure \"address\" for this service");
  }

  std::vector<Finding> findings;

 private:
  void say(std::string what, std::string hint) {
    findings.push_back({std::move(what), std::move(hint)});
  }

  bool is_service(const IpAddress& address) const {
    return std::ranges::any_of(duties_.services,
                               [&](const Endpoint& service) { return service.address == address; });
  }

  void service_address(const IpAddress& address) {
    const auto index = facts_.interface_of(address);
    if (index == 0)
      say(fmt::format("this machine does not have the service's address {}", address.text()),
          add_address(address));
    else if (!server_.encapsulates && facts_.switches.contains(index))
      say(fmt::format("{} is on {}, where this server answers for it in the balancer's place",
                      address.text(), name_of(facts_, index)),
          "take it off there, and " + add_address(address));
  }

  void listener(const Endpoint& service) {
    const auto found = facts_.listeners.find(service);
    if (found == facts_.listeners.end() || found->second == Listens::kMptcp) return;
    if (found->second == Listens::kNobody)
      say(fmt::format("nobody listens on {}", service.text()), "start the server application");
    else
      say(fmt::format("who listens on {} takes plain TCP alone", service.text()),
          "start the server application by 'anabranch run'");
  }

  /// By ARP, on the balancer's own network. IPv6 asks for addresses of that interface only.
  bool answers_for_services() const {
    return !server_.encapsulates &&
           std::ranges::any_of(duties_.services,
                               [](const Endpoint& service) { return service.address.is_v4(); });
  }

  const Server& server_;
  const ServerDuties& duties_;
  const MachineFacts& facts_;
};

}  // namespace

unsigned MachineFacts::interface_of(const IpAddress& address) const {
  const auto found = std::ranges::find(
      addresses, address, [](const kernel::Address& one) { return one.prefix.address(); });
  return found == addresses.end() ? 0 : found->ifindex;
}

std::vector<IpAddress> MachineFacts::all_addresses() const {
  std::vector<IpAddress> out;
  out.reserve(addresses.size());
  for (const auto& one : addresses)
    if (!one.tentative) out.push_back(one.prefix.address());
  return out;
}

Result<MachineFacts> observe_machine(kernel::Rtnetlink& netlink, kernel::SocketDiag& sockets,
                                     const Server& server, const ServerDuties& duties) {
  auto links = netlink.links();
  if (!links) return std::unexpected(links.error());
  auto addresses = netlink.addresses();
  if (!addresses) return std::unexpected(addresses.error());
  MachineFacts out{.links = *std::move(links), .addresses = *std::move(addresses)};
  for (const auto& address : server.addresses) {
    const auto index = address ? out.interface_of(*address) : 0;
    if (index == 0) continue;
    const auto name = name_of(out, index);
    out.switches[index] = {in_effect(name, "arp_ignore"), in_effect(name, "rp_filter")};
  }
  for (const auto& service : duties.services) {
    const auto mptcp = sockets.takes_joins(service);
    if (!mptcp) return std::unexpected(mptcp.error());
    const auto any = sockets.listens(service);
    if (!any) return std::unexpected(any.error());
    out.listeners[service] = *mptcp ? Listens::kMptcp : *any ? Listens::kTcp : Listens::kNobody;
  }
  auto taken = where_joins_are_taken(sockets, duties, out);
  if (!taken) return std::unexpected(taken.error());
  out.take_joins = *std::move(taken);
  out.mptcp = number_at("net/mptcp/enabled") != 0;
  out.timestamps = number_at("net/ipv4/tcp_timestamps") != 0;
  if (const auto manager = kernel::path_manager_type()) out.manager = *manager;
  return out;
}

std::vector<Finding> judge_machine(const Server& server, const ServerDuties& duties,
                                   const MachineFacts& facts,
                                   std::span<const Announcement> announcements) {
  Judge judge(server, duties, facts);
  judge.mptcp();
  judge.room_to_announce();
  judge.own_addresses();
  judge.services();
  judge.interfaces();
  judge.announcements(announcements);
  return std::move(judge.findings);
}

}  // namespace anabranch::balancer
