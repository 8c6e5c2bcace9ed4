// SPDX-License-Identifier: MIT
// Ids of this machine's addresses within one connection (RFC 8684 section 3.4): announcements and
// subflows draw from the same 255. An id that was removed rests for a long time before it is given
// again, since a REMOVE_ADDR that is still under way closes what has its id by then.
#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "base/ip.hpp"
#include "base/units.hpp"

namespace anabranch::paths {

class AddressIds {
 public:
  static constexpr nanoseconds kRest = std::chrono::minutes(10);

  /// An id nobody has, 1 to 255, used from now on. Those never given come first, then those that
  /// rested, then the one that rests longest; 0 only when all 255 are in use.
  std::uint8_t fresh(MonotonicTime now);
  /// That of an address, a fresh one the first time. The kernel refuses a second id for an address
  /// without a port of its own.
  std::uint8_t of(const IpAddress& address, MonotonicTime now);
  std::optional<std::uint8_t> known(const IpAddress& address) const;
  /// The kernel or a former life of the daemon gave it.
  void use(std::uint8_t id, const IpAddress& address);
  /// It was removed. An id that is not in use stays as it is.
  void release(std::uint8_t id, MonotonicTime now);
  bool used(std::uint8_t id) const { return used_.test(id); }

 private:
  struct Resting {
    std::uint8_t id;
    MonotonicTime since;
  };
  std::uint8_t take(std::uint8_t id);

  std::bitset<256> used_{1};  // 0 is the initial subflow's
  std::uint8_t highest_ = 0;  // given so far: what is above it was never given
  std::deque<Resting> resting_;
  std::map<IpAddress, std::uint8_t> by_address_;
};

}  // namespace anabranch::paths
