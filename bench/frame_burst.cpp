// SPDX-License-Identifier: MIT
// Sends small TCP segments of many connections from a packet socket as fast as one processor can,
// past every queue: the load of bench/balancer_pps.py. On virtual Ethernet pairs the kernel carries
// a frame to its end before it takes the next one, so that this process has all the time it takes.
//
//   frame_burst INTERFACE DESTINATION_MAC SOURCE_ADDRESS SERVICE:PORT MILLISECONDS
//     -> how many went out, nanoseconds of processor time; it ends after MILLISECONDS of these
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <ctime>
#include <iostream>
#include <string>
#include <vector>

#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/endpoint.hpp"
#include "base/fd.hpp"

using namespace anabranch;

namespace {

constexpr std::size_t kConnections = 1024;
constexpr std::size_t kBatch = 64;
constexpr std::size_t kOctets = 60;
/// Whatever the clocks say.
constexpr std::uint64_t kMost = 20'000'000;
constexpr std::chrono::seconds kLongest{30};

using Frame = std::array<std::uint8_t, kOctets>;

void put(Frame& frame, std::size_t at, unsigned value) {
  frame.at(at) = static_cast<std::uint8_t>(value >> 8);
  frame.at(at + 1) = static_cast<std::uint8_t>(value);
}

Frame segment(const MacAddress& to, const IpAddress& source, const Endpoint& service,
              unsigned port) {
  Frame out{};
  std::ranges::copy(to.octets, out.begin());
  out[6] = 2;
  put(out, 12, 0x0800);
  put(out, 14, 0x4500);
  put(out, 16, 40);
  out[22] = 64;
  out[23] = IPPROTO_TCP;
  std::ranges::copy(source.octets(), out.begin() + 26);
  std::ranges::copy(service.address.octets(), out.begin() + 30);
  unsigned sum = 0;
  for (std::size_t i = 14; i < 34; i += 2) sum += out[i] * 256U + out[i + 1];
  sum = (sum & 0xffff) + (sum >> 16);
  put(out, 24, ~((sum & 0xffff) + (sum >> 16)));
  put(out, 34, port);
  put(out, 36, service.port);
  put(out, 46, 0x5010);  // 20 octets, ACK
  return out;
}

std::chrono::nanoseconds used() {
  timespec out{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &out);
  return std::chrono::seconds(out.tv_sec) + std::chrono::nanoseconds(out.tv_nsec);
}

int fail_with(const char* what) {
  std::cerr << what << ": " << std::strerror(errno) << std::endl;
  return 1;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) return 2;
  const auto to = MacAddress::parse(arguments[2]).value();
  const auto source = IpAddress::parse(arguments[3]).value();
  const auto service = Endpoint::parse(arguments[4]).value();
  const std::chrono::milliseconds duration(std::stoi(arguments[5]));

  std::vector<Frame> frames;
  for (unsigned i = 0; i < kConnections; ++i)
    frames.push_back(segment(to, source, service, 10'000 + i));
  std::vector<iovec> pieces;
  for (auto& frame : frames) pieces.push_back({frame.data(), frame.size()});
  std::vector<mmsghdr> messages(kConnections);
  for (std::size_t i = 0; i < kConnections; ++i) {
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }

  const UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  sockaddr_ll place{};
  place.sll_family = AF_PACKET;
  place.sll_ifindex = static_cast<int>(::if_nametoindex(arguments[1]));
  const int yes = 1;
  if (!socket || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&place), sizeof place) != 0 ||
      ::setsockopt(socket.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes) != 0)
    return fail_with("cannot send frames");
  const auto latest = std::chrono::steady_clock::now() + kLongest;
  const auto begin = used();
  std::uint64_t sent = 0;
  while (sent < kMost && used() - begin < duration && std::chrono::steady_clock::now() < latest) {
    const int done =
        ::sendmmsg(socket.get(), &messages[sent % kConnections / kBatch * kBatch], kBatch, 0);
    if (done < 0 && errno != ENOBUFS && errno != EAGAIN) return fail_with("cannot send a frame");
    // What found no room is lost, as on a wire.
    sent += kBatch;
  }
  std::cout << sent << ' ' << (used() - begin).count() << std::endl;
  return 0;
}
