// SPDX-License-Identifier: MIT
#include "kernel/neighbours.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

namespace anabranch::kernel {
namespace {

/// States in which packets to the neighbour leave.
constexpr unsigned kValid =
    NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE;

NeighbourState judge(unsigned state) {
  if ((state & kValid) != 0) return NeighbourState::kKnown;
  return (state & NUD_FAILED) != 0 ? NeighbourState::kFailed : NeighbourState::kUnknown;
}

ndmsg header_for(unsigned ifindex, const IpAddress& address) {
  ndmsg header{};
  header.ndm_family = static_cast<std::uint8_t>(address_family(address.family()));
  header.ndm_ifindex = static_cast<int>(ifindex);
  return header;
}

const ndmsg& header_of(const nlmsghdr& message) {
  return *static_cast<const ndmsg*>(NLMSG_DATA(&message));
}

}  // namespace

Result<Neighbours> Neighbours::open() {
  auto requests = NetlinkSocket::open(NETLINK_ROUTE);
  if (!requests) return std::unexpected(requests.error());
  auto events = NetlinkSocket::open(NETLINK_ROUTE);
  if (!events) return std::unexpected(events.error());
  ANABRANCH_TRY(events->join(RTNLGRP_NEIGH));
  return Neighbours(*std::move(requests), *std::move(events));
}

Result<Neighbours> Neighbours::open_without_events() {
  auto requests = NetlinkSocket::open(NETLINK_ROUTE);
  if (!requests) return std::unexpected(requests.error());
  return Neighbours(*std::move(requests), std::nullopt);
}

Result<NeighbourState> Neighbours::look(unsigned ifindex, const IpAddress& address, bool again) {
  unsigned state = NUD_NONE;
  Message question(RTM_GETNEIGH, 0);
  question.header(header_for(ifindex, address)).put_address(NDA_DST, address);
  const auto asked =
      requests_.query(std::move(question), "cannot ask for a neighbour",
                      [&](const nlmsghdr& answer) { state = header_of(answer).ndm_state; });
  if (!asked && last_netlink_error() != ENOENT) return std::unexpected(asked.error());
  // An administrator's entry says all there is to know, and the kernel would take it for one of its
  // own from then on: NTF_USE ends NUD_PERMANENT.
  if ((state & (NUD_PERMANENT | NUD_NOARP)) != 0) return NeighbourState::kKnown;
  // A question that is under way is not asked anew before its second is over, unless it has failed.
  if (again && (state & NUD_INCOMPLETE) != 0) ANABRANCH_TRY(set(ifindex, address, NUD_FAILED, 0));
  ANABRANCH_TRY(set(ifindex, address, NUD_NONE, NTF_USE));
  return judge(state);
}

Result<std::optional<MacAddress>> Neighbours::link_address(unsigned ifindex,
                                                           const IpAddress& address) {
  std::optional<MacAddress> out;
  Message question(RTM_GETNEIGH, 0);
  question.header(header_for(ifindex, address)).put_address(NDA_DST, address);
  const auto asked = requests_.query(
      std::move(question), "cannot ask for a neighbour", [&](const nlmsghdr& answer) {
        const Attributes attributes(answer, sizeof(ndmsg));
        const auto octets = attributes.octets(NDA_LLADDR);
        if (judge(header_of(answer).ndm_state) != NeighbourState::kKnown) return;
        if (octets.size() == MacAddress().octets.size())
          std::ranges::copy(octets, out.emplace().octets.begin());
      });
  if (!asked && last_netlink_error() != ENOENT) return std::unexpected(asked.error());
  return out;
}

/// NTF_USE is what a packet to the neighbour would do.
Result<void> Neighbours::set(unsigned ifindex, const IpAddress& address, std::uint16_t state,
                             std::uint8_t flags) {
  auto header = header_for(ifindex, address);
  header.ndm_state = state;
  header.ndm_flags = flags;
  Message message(RTM_NEWNEIGH, NLM_F_CREATE | (flags == 0 ? NLM_F_REPLACE : 0));
  message.header(header).put_address(NDA_DST, address);
  return requests_.request(std::move(message), "cannot make the kernel look for " + address.text());
}

bool Neighbours::drain(const Visitor& visit) {
  return events_->drain([&](const nlmsghdr& message) {
    // An entry that goes (RTM_DELNEIGH) says nothing of the neighbour.
    if (message.nlmsg_type != RTM_NEWNEIGH) return;
    const auto& header = header_of(message);
    const Attributes attributes(message, sizeof header);
    if (const auto address = attributes.address(NDA_DST))
      visit(static_cast<unsigned>(header.ndm_ifindex), *address, judge(header.ndm_state));
  });
}

}  // namespace anabranch::kernel
