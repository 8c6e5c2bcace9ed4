// SPDX-License-Identifier: MIT
#include "probe/raw_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "base/registry.hpp"
#include "probe/segment.hpp"

namespace anabranch::probe {
namespace {

Result<void> set(int fd, int level, int option, int value, std::string_view name) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) return fail_errno(name);
  return {};
}

/// TCP with ACK and one of SYN and RST to one of `ports`. What a raw socket's filter sees begins
/// with the IP header for IPv4 and with the TCP header for IPv6. Bulk data is refused by its flags.
std::vector<sock_filter> filter_for(Family family, std::span<const std::uint16_t> ports) {
  constexpr std::uint32_t kAck = 0x10;
  constexpr std::uint32_t kSynOrRst = 0x06;
  const auto count = static_cast<std::uint8_t>(ports.size());
  std::vector<sock_filter> program{
      // The length of the IP header, if there is one, in the index register.
      family == Family::kIpv4 ? sock_filter BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0)
                              : sock_filter BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0),
      BPF_STMT(BPF_LD | BPF_B | BPF_IND, 13),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kAck, 0, static_cast<std::uint8_t>(count + 2)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kSynOrRst, 0, static_cast<std::uint8_t>(count + 1)),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
  };
  for (std::size_t i = 0; i < ports.size(); ++i)
    program.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ports[i], static_cast<std::uint8_t>(count - i), 0));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, 0xffff));
  return program;
}

nanoseconds as_duration(const timespec& time) {
  return seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

/// What to add to a time of CLOCK_REALTIME, in which the kernel stamps packets, for MonotonicTime.
/// Of several readings the one that took least time: nothing else ran in between.
nanoseconds realtime_to_monotonic() {
  nanoseconds best{};
  auto shortest = nanoseconds::max();
  for (int i = 0; i < 3; ++i) {
    timespec real{};
    const auto before = MonotonicClock::now();
    ::clock_gettime(CLOCK_REALTIME, &real);
    const auto taken = MonotonicClock::now() - before;
    if (taken >= shortest) continue;
    shortest = taken;
    best = before.time_since_epoch() + taken / 2 - as_duration(real);
  }
  return best;
}

std::optional<nanoseconds> stamp_of(msghdr& message) {
  for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec stamp{};
    std::memcpy(&stamp, CMSG_DATA(header), sizeof stamp);
    return as_duration(stamp);
  }
  return std::nullopt;
}

struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> octets{};
  std::size_t used = 0;

  template <class Info>
  void hold(int level, int type, const Info& info) {
    used = CMSG_SPACE(sizeof info);
    cmsghdr header{};
    header.cmsg_level = level;
    header.cmsg_type = type;
    header.cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(octets.data(), &header, sizeof header);
    std::memcpy(octets.data() + CMSG_LEN(0), &info, sizeof info);
  }
};

/// Source address and interface of a packet that is sent.
Control packet_info(const IpAddress& source, unsigned ifindex) {
  Control control;
  const auto octets = source.octets();
  if (source.is_v4()) {
    in_pktinfo info{};
    info.ipi_ifindex = static_cast<int>(ifindex);
    std::memcpy(&info.ipi_spec_dst, octets.data(), octets.size());
    control.hold(IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    info.ipi6_ifindex = ifindex;
    std::memcpy(&info.ipi6_addr, octets.data(), octets.size());
    control.hold(IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  return control;
}

}  // namespace

Result<ReservedPorts> ReservedPorts::open(Family family, std::size_t count) {
  ReservedPorts reserved;
  for (std::size_t i = 0; i < count; ++i) {
    UniqueFd fd(::socket(address_family(family), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!fd) return fail_errno("cannot reserve a port for probes");
    // On all addresses of this family, and of this family only.
    if (family == Family::kIpv6)
      ANABRANCH_TRY(set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY"));
    sockaddr_storage name{};
    name.ss_family = static_cast<sa_family_t>(address_family(family));
    socklen_t size = family == Family::kIpv4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    auto* const any = reinterpret_cast<sockaddr*>(&name);
    if (::bind(fd.get(), any, size) != 0 || ::getsockname(fd.get(), any, &size) != 0)
      return fail_errno("cannot reserve a port for probes");
    // The port is at the same place in both.
    reserved.ports_.push_back(ntohs(reinterpret_cast<const sockaddr_in*>(&name)->sin_port));
    reserved.sockets_.push_back(std::move(fd));
  }
  return reserved;
}

std::uint16_t ReservedPorts::next() {
  return ports_[next_++ % ports_.size()];
}

Result<RawSocket> RawSocket::open(const IpAddress& source, std::span<const std::uint16_t> ports) {
  const auto family = source.family();
  UniqueFd fd(
      ::socket(address_family(family), SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd) return fail_errno("cannot open a raw socket for probes");
  const auto filter = filter_for(family, ports);
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
    return fail_errno("cannot attach the filter of probes");
  ANABRANCH_TRY(set(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS"));
  ANABRANCH_TRY(
      set(fd.get(), SOL_SOCKET, SO_MARK, static_cast<int>(registry::kPathsProbeMark), "SO_MARK"));
  if (family == Family::kIpv4) {
    ANABRANCH_TRY(set(fd.get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, "IP_MTU_DISCOVER"));
  } else {
    ANABRANCH_TRY(
        set(fd.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO, "IPV6_MTU_DISCOVER"));
  }
  sockaddr_storage name{};
  const auto size = source.to_sockaddr(0, name);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), size) != 0)
    return fail_errno("cannot send probes from this address", source.text());
  RawSocket socket(source, std::move(fd));
  // What came between opening and the filter.
  socket.receive([](const auto&, auto, auto) {});
  return socket;
}

RawSocket::Outcome RawSocket::send(const IpAddress& destination, unsigned ifindex,
                                   std::span<const std::vector<std::uint8_t>> segments) {
  sockaddr_storage to{};
  const auto size = destination.to_sockaddr(0, to);
  if (!source_.is_v4()) reinterpret_cast<sockaddr_in6*>(&to)->sin6_scope_id = ifindex;
  auto control = packet_info(source_, ifindex);
  std::vector<iovec> vectors(segments.size());
  std::vector<mmsghdr> messages(segments.size());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    vectors[i] = {const_cast<std::uint8_t*>(segments[i].data()), segments[i].size()};
    auto& header = messages[i].msg_hdr;
    header.msg_name = &to;
    header.msg_namelen = size;
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = control.octets.data();
    header.msg_controllen = control.used;
  }
  Outcome outcome;
  while (outcome.sent < messages.size()) {
    const int count =
        ::sendmmsg(fd_.get(), messages.data() + outcome.sent,
                   static_cast<unsigned>(messages.size() - outcome.sent), MSG_DONTWAIT);
    if (count <= 0) {
      outcome.error = errno;
      break;
    }
    outcome.sent += static_cast<std::size_t>(count);
  }
  return outcome;
}

void RawSocket::receive(const Taker& take) {
  constexpr std::size_t kBatch = 64;
  constexpr std::size_t kHeaders = 60 + 60;  ///< IPv4 and TCP with all options; more is not read
  struct Slot {
    std::array<std::uint8_t, kHeaders> octets;
    sockaddr_storage from;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(timespec))> control;
  };
  std::vector<Slot> slots(kBatch);
  std::array<iovec, kBatch> vectors{};
  std::array<mmsghdr, kBatch> messages{};
  for (std::size_t i = 0; i < kBatch; ++i) {
    vectors[i] = {slots[i].octets.data(), slots[i].octets.size()};
    auto& header = messages[i].msg_hdr;
    header.msg_name = &slots[i].from;
    header.msg_namelen = sizeof slots[i].from;
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = slots[i].control.data();
    header.msg_controllen = slots[i].control.size();
  }
  const int count = ::recvmmsg(fd_.get(), messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (count <= 0) return;  // nothing there after all
  const auto offset = realtime_to_monotonic();
  const auto now = MonotonicClock::now();
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const auto remote = IpAddress::from_sockaddr(slots[i].from);
    if (!remote) continue;
    std::span<const std::uint8_t> segment(slots[i].octets.data(), messages[i].msg_len);
    if (source_.is_v4()) segment = tcp_of_ipv4(segment);
    const auto stamp = stamp_of(messages[i].msg_hdr);
    take(*remote, segment, stamp ? std::min(now, MonotonicTime(*stamp + offset)) : now);
  }
}

}  // namespace anabranch::probe
