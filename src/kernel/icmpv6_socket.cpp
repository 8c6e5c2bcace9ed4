// SPDX-License-Identifier: MIT
#include "kernel/icmpv6_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace anabranch::kernel {
namespace {

constexpr int kHopLimit = 255;
/// Messages that receive() passes over before it lets others have their turn.
constexpr int kPatience = 64;
constexpr std::size_t kLongestMessage = 65536;
/// What is flooded while we have no processor must not push out what a router says in its midst.
constexpr int kReceiveBuffer = 2 << 20;

Result<void> set(int fd, int level, int option, int value, std::string_view what) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) return fail_errno(what);
  return {};
}

Result<void> join(int fd, unsigned ifindex, const IpAddress& group) {
  ipv6_mreq request{};
  std::memcpy(&request.ipv6mr_multiaddr, group.octets().data(), sizeof request.ipv6mr_multiaddr);
  request.ipv6mr_interface = ifindex;
  if (::setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request, sizeof request) != 0)
    return fail_errno("cannot join a multicast group", group.text());
  return {};
}

/// What the kernel says beside a message.
struct Ancillary {
  int hop_limit = -1;
  bool reassembled = false;
  std::optional<in6_pktinfo> packet;
};

Ancillary read_ancillary(msghdr& message) {
  Ancillary found;
  for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != IPPROTO_IPV6) continue;
    if (header->cmsg_type == IPV6_HOPLIMIT)
      std::memcpy(&found.hop_limit, CMSG_DATA(header), sizeof found.hop_limit);
    else if (header->cmsg_type == IPV6_PKTINFO)
      std::memcpy(&found.packet.emplace(), CMSG_DATA(header), sizeof(in6_pktinfo));
    else if (header->cmsg_type == IPV6_RECVFRAGSIZE)
      found.reassembled = true;  // it is told of no other packets
  }
  return found;
}

IpAddress address_from(const in6_addr& address) {
  return IpAddress::v6(std::span<const std::uint8_t, 16>(address.s6_addr));
}

/// ff02::<last>
IpAddress link_group(std::uint8_t last) {
  std::array<std::uint8_t, 16> octets{0xff, 0x02};
  octets.back() = last;
  return IpAddress::v6(octets);
}

}  // namespace

Result<Icmpv6Socket> Icmpv6Socket::open(const std::string& interface,
                                        std::initializer_list<std::uint8_t> types,
                                        std::initializer_list<IpAddress> groups) {
  const unsigned ifindex = ::if_nametoindex(interface.c_str());
  if (ifindex == 0) return fail_errno("no such interface", interface);
  UniqueFd fd(::socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6));
  if (!fd) return fail_errno("cannot open a raw ICMPv6 socket", interface);
  icmp6_filter filter{};
  ICMP6_FILTER_SETBLOCKALL(&filter);
  for (const auto type : types) ICMP6_FILTER_SETPASS(type, &filter);
  if (::setsockopt(fd.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) != 0)
    return fail_errno("ICMP6_FILTER", interface);
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                   static_cast<socklen_t>(interface.size())) != 0)
    return fail_errno("cannot bind a raw ICMPv6 socket", interface);
  const auto on = [&](int option, int value, std::string_view what) {
    return set(fd.get(), IPPROTO_IPV6, option, value, what);
  };
  ANABRANCH_TRY(on(IPV6_RECVHOPLIMIT, 1, "IPV6_RECVHOPLIMIT"));
  ANABRANCH_TRY(on(IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"));
  ANABRANCH_TRY(on(IPV6_RECVFRAGSIZE, 1, "IPV6_RECVFRAGSIZE"));
  ANABRANCH_TRY(on(IPV6_MULTICAST_HOPS, kHopLimit, "IPV6_MULTICAST_HOPS"));
  ANABRANCH_TRY(on(IPV6_UNICAST_HOPS, kHopLimit, "IPV6_UNICAST_HOPS"));
  ANABRANCH_TRY(on(IPV6_MULTICAST_LOOP, 0, "IPV6_MULTICAST_LOOP"));
  // In a user namespace the kernel gives what anybody may have.
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) !=
      0)
    ANABRANCH_TRY(set(fd.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBuffer, "SO_RCVBUF"));
  for (const auto& group : groups) ANABRANCH_TRY(join(fd.get(), ifindex, group));
  return Icmpv6Socket(std::move(fd), ifindex);
}

Result<std::optional<Icmpv6Socket::Received>> Icmpv6Socket::receive() {
  std::array<std::uint8_t, kLongestMessage> octets;
  for (int passed_over = 0; passed_over < kPatience; ++passed_over) {
    sockaddr_in6 from{};
    iovec vector{octets.data(), octets.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int))>
        control;
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof from;
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const auto size = ::recvmsg(fd_.get(), &header, MSG_DONTWAIT);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == ENETDOWN) return std::nullopt;
      return fail_errno("cannot receive ICMPv6 messages");
    }
    const auto ancillary = read_ancillary(header);
    // What came between the opening of the socket and its binding may be of any interface.
    if (!ancillary.packet || ancillary.packet->ipi6_ifindex != ifindex_) continue;
    if (ancillary.hop_limit != kHopLimit || ancillary.reassembled) {
      ++from_elsewhere_;
      continue;
    }
    return Received{{octets.begin(), octets.begin() + size},
                    address_from(from.sin6_addr),
                    address_from(ancillary.packet->ipi6_addr)};
  }
  return std::nullopt;
}

Result<void> Icmpv6Socket::send(std::span<const std::uint8_t> message, const IpAddress& source,
                                const IpAddress& destination) {
  sockaddr_storage to{};
  const auto size = destination.to_sockaddr(0, to);
  if (destination.is_v4() || source.is_v4())
    return fail("ICMPv6 has no IPv4 addresses", source.text() + " to " + destination.text());
  reinterpret_cast<sockaddr_in6&>(to).sin6_scope_id = ifindex_;
  in6_pktinfo info{};
  info.ipi6_ifindex = ifindex_;
  std::memcpy(&info.ipi6_addr, source.octets().data(), sizeof info.ipi6_addr);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof info)> control{};
  iovec vector{const_cast<std::uint8_t*>(message.data()), message.size()};
  msghdr header{};
  header.msg_name = &to;
  header.msg_namelen = size;
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  auto* const first = CMSG_FIRSTHDR(&header);
  first->cmsg_level = IPPROTO_IPV6;
  first->cmsg_type = IPV6_PKTINFO;
  first->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(first), &info, sizeof info);
  if (::sendmsg(fd_.get(), &header, MSG_DONTWAIT) < 0)
    return fail_errno("cannot send an ICMPv6 message", source.text());
  return {};
}

IpAddress all_nodes() {
  return link_group(1);
}

IpAddress all_routers() {
  return link_group(2);
}

}  // namespace anabranch::kernel
