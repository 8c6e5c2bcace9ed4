// SPDX-License-Identifier: MIT
#include "lab/join_delays.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <linux/filter.h>
#include <netinet/in.h>
#include <openssl/evp.h>

namespace anabranch::lab {
namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::byte kMptcpOption{30};
constexpr unsigned kCapable = 0;
constexpr unsigned kJoin = 1;
constexpr unsigned kSyn = 0x02;
constexpr unsigned kAck = 0x10;

std::uint32_t u32(std::span<const std::byte> octets) {
  std::uint32_t out = 0;
  for (const std::byte octet : octets.first(4))
    out = out << 8 | std::to_integer<std::uint32_t>(octet);
  return out;
}

/// The first MPTCP option of a TCP header, without its kind and length.
std::optional<std::span<const std::byte>> mptcp_option(std::span<const std::byte> options) {
  while (options.size() >= 2) {
    const auto kind = options[0];
    if (kind == std::byte{0}) break;
    if (kind == std::byte{1}) {
      options = options.subspan(1);
      continue;
    }
    const auto length = std::to_integer<std::size_t>(options[1]);
    if (length < 2 || length > options.size()) break;
    if (kind == kMptcpOption && length >= 3) return options.subspan(2, length - 2);
    options = options.subspan(length);
  }
  return std::nullopt;
}

}  // namespace

std::uint32_t token_of_key(std::span<const std::byte, 8> key) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(key.data(), key.size(), digest.data(), &length, EVP_sha256(), nullptr);
  return u32(std::as_bytes(std::span(digest)));
}

std::span<const sock_filter> JoinDelays::filter() {
  // IPv4 (the protocol of the socket), TCP, no fragment, SYN.
  static constexpr std::array<sock_filter, 9> kProgram{{
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, kEthernet + 9},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 6, IPPROTO_TCP},
      {BPF_LD | BPF_H | BPF_ABS, 0, 0, kEthernet + 6},
      {BPF_JMP | BPF_JSET | BPF_K, 4, 0, 0x1fff},
      {BPF_LDX | BPF_B | BPF_MSH, 0, 0, kEthernet},
      {BPF_LD | BPF_B | BPF_IND, 0, 0, kEthernet + 13},
      {BPF_JMP | BPF_JSET | BPF_K, 0, 1, kSyn},
      {BPF_RET | BPF_K, 0, 0, 0xffff},
      {BPF_RET | BPF_K, 0, 0, 0},
  }};
  return kProgram;
}

void JoinDelays::read(kernel::PacketSocket& socket) {
  std::array<std::array<std::byte, 256>, kernel::PacketSocket::kBatch> buffers;
  std::array<kernel::PacketSocket::Received, kernel::PacketSocket::kBatch> frames;
  for (;;) {
    for (std::size_t i = 0; i < frames.size(); ++i) frames[i].buffer = buffers[i];
    const auto outcome = socket.receive_batch(frames);
    for (const auto& received : std::span(frames).first(outcome.frames))
      segment(received.frame, received.arrived);
    if (outcome.frames < frames.size()) return;
  }
}

void JoinDelays::drain() {
  // Connections before their joins.
  read(client_);
  read(server_);
}

void JoinDelays::segment(std::span<const std::byte> frame, MonotonicTime arrived) {
  if (frame.size() < kEthernet + 20) return;
  const std::size_t header = (std::to_integer<std::size_t>(frame[kEthernet]) & 0xf) * 4;
  if (frame.size() < kEthernet + header + 20) return;
  const auto tcp = frame.subspan(kEthernet + header);
  const std::size_t length = (std::to_integer<std::size_t>(tcp[12]) >> 4) * 4;
  if (length < 20 || length > tcp.size()) return;
  const auto option = mptcp_option(tcp.subspan(20, length - 20));
  if (!option) return;
  const unsigned flags = std::to_integer<unsigned>(tcp[13]);
  const unsigned subtype = std::to_integer<unsigned>((*option)[0]) >> 4;
  if (subtype == kCapable && (flags & kAck) != 0 && option->size() == 10) {
    made_.insert_or_assign(token_of_key(option->subspan<2, 8>()), arrived);
  } else if (subtype == kJoin && (flags & kAck) == 0 && option->size() == 10) {
    const auto found = made_.find(u32(option->subspan(2)));
    if (found == made_.end()) return;
    delays_.push_back(arrived - found->second);
    made_.erase(found);
  }
}

std::vector<nanoseconds> JoinDelays::take() {
  return std::exchange(delays_, {});
}

std::uint64_t JoinDelays::lost() {
  return client_.take_overflow() + server_.take_overflow();
}

}  // namespace anabranch::lab
