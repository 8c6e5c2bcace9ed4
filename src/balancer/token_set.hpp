// SPDX-License-Identifier: MIT
// A set of tokens in four to sixteen octets each: a balancer keeps those of all its servers, to
// find out what is new in what they say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace anabranch::balancer {

/// Open addressing with linear probing; gives memory back when it has become nearly empty.
class TokenSet {
 public:
  /// False when it was there.
  bool insert(std::uint32_t token);
  /// False when it was not there.
  bool erase(std::uint32_t token);
  bool contains(std::uint32_t token) const;
  std::size_t size() const { return used_ + (has_zero_ ? 1 : 0); }
  /// In no order.
  std::vector<std::uint32_t> values() const;

 private:
  std::size_t home(std::uint32_t token) const;
  /// Where it is, or the free slot where it would be.
  std::size_t find(std::uint32_t token) const;
  void resize(std::size_t slots);

  std::vector<std::uint32_t> slots_;  ///< a power of two, or none; 0: free
  std::size_t used_ = 0;
  bool has_zero_ = false;  ///< a token like any other
};

}  // namespace anabranch::balancer
