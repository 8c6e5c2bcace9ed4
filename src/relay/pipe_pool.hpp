// SPDX-License-Identifier: MIT
// Pipes for splice(2), lent for as long as octets are in them. A busy reactor needs few, since what
// goes into a pipe mostly leaves it in the same turn; the limit is for thousands of slow readers.
#pragma once

#include <cstddef>
#include <vector>

#include "base/fd.hpp"

namespace anabranch::relay {

struct SplicePipe {
  UniqueFd read;
  UniqueFd write;
  explicit operator bool() const { return static_cast<bool>(read); }
};

class PipePool {
 public:
  /// Octets the kernel is asked to give a pipe room for; it counts in pages, and a packet takes one
  /// or more.
  static constexpr int kRoom = 1 << 20;
  /// All of one pool, spare or lent. An ordinary user has 64 MiB of pipes in all.
  static constexpr std::size_t kMost = 256;
  static constexpr std::size_t kMostSpare = 16;

  /// Empty when the limit is reached or the kernel refuses one of a useful size.
  SplicePipe take();
  void give_back(SplicePipe pipe);  ///< with nothing in it
  void destroy(SplicePipe pipe);    ///< with what is in it
  std::size_t open() const { return lent_ + spare_.size(); }

 private:
  std::vector<SplicePipe> spare_;
  std::size_t lent_ = 0;
};

}  // namespace anabranch::relay
