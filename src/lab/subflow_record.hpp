// SPDX-License-Identifier: MIT
// What each subflow of a connection has carried, over the whole life of the connection. The kernel
// forgets a subflow with its death; the record does not.
#pragma once

#include <map>
#include <tuple>
#include <vector>

#include "kernel/mptcp_socket.hpp"
#include "lab/workload.hpp"

namespace anabranch::lab {

enum class Direction : std::uint8_t { kReceived, kAcknowledged };

class SubflowRecord {
 public:
  explicit SubflowRecord(Direction direction) : direction_(direction) {}
  /// Takes what the kernel shows now. A count that went back means that the same addresses and
  /// ports carry a new subflow: it is added to what the old one had.
  void update(const std::vector<kernel::SubflowInfo>& seen);
  /// All subflows ever seen, oldest first.
  std::vector<SubflowSample> samples() const;

 private:
  struct Entry {
    SubflowSample sample;
    std::uint64_t before = 0;  ///< octets of earlier subflows on the same addresses and ports
    std::uint64_t last = 0;    ///< the kernel's last figure
  };
  using Key = std::tuple<IpAddress, std::uint16_t, IpAddress, std::uint16_t>;
  Direction direction_;
  std::map<Key, std::size_t> index_;
  std::vector<Entry> entries_;
};

}  // namespace anabranch::lab
