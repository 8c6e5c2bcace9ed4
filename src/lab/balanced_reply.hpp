// SPDX-License-Identifier: MIT
// One HTTP/1.1 reply (RFC 9112) as the lab's nginx sends it: with the length of what follows and
// the number of the server. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.hpp"
#include "lab/payload.hpp"

namespace anabranch::lab {

class PieceReply {
 public:
  /// The next octets of the connection; how many of them belong to this reply. Any status but 200,
  /// or a head without a length, is an error.
  Result<std::size_t> take(std::span<const std::byte> octets);
  bool complete() const { return head_over_ && left_ == 0; }
  /// Which server sent it; 0 before its head is there.
  unsigned server() const { return server_; }
  /// Of what came after the head; to be called once, when it is complete.
  std::string sha256() { return hash_.finish(); }

 private:
  Result<void> read_head();

  std::string head_;
  bool head_over_ = false;
  std::uint64_t left_ = 0;
  unsigned server_ = 0;
  Sha256 hash_;
};

}  // namespace anabranch::lab
