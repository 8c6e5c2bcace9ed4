// SPDX-License-Identifier: MIT
// Initial sequence numbers after RFC 6528: a keyed hash of addresses and ports plus a number that
// only grows. Nobody off the path can guess the next one, so nobody can forge an answer. And a
// further SYN with the same ports has a sequence number a little above the last one: a peer that
// still holds a half-open connection of it (its answer was lost) finds it inside its window and
// resets, which is an answer, where a number from elsewhere would be left unanswered.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/ip.hpp"
#include "base/result.hpp"

namespace anabranch::probe {

/// Who speaks to whom; ports in host order.
struct Flow {
  IpAddress local;
  std::uint16_t local_port = 0;
  IpAddress remote;
  std::uint16_t remote_port = 0;
  auto operator<=>(const Flow&) const = default;
};

using SequenceKey = std::array<std::uint64_t, 2>;

/// SipHash-2-4.
std::uint64_t keyed_hash(const SequenceKey& key, std::span<const std::uint8_t> octets);

class SequenceNumbers {
 public:
  explicit SequenceNumbers(const SequenceKey& key) : key_(key) {}
  /// With a key from the kernel's random numbers.
  static Result<SequenceNumbers> with_random_key();

  /// Of the next SYN of `flow`.
  std::uint32_t next(const Flow& flow);

 private:
  SequenceKey key_;
  std::uint32_t count_ = 0;
};

}  // namespace anabranch::probe
