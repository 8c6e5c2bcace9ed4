// SPDX-License-Identifier: MIT
// The payload of a measured transfer: a pseudo-random stream that both ends hash, so that a single
// octet lost, doubled or out of order shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

struct evp_md_ctx_st;

namespace anabranch::lab {

/// The stream that belongs to a seed: the same octets however it is cut into pieces. Not for
/// secrets.
class PayloadStream {
 public:
  explicit PayloadStream(std::uint64_t seed);
  /// The next octets of the stream, at least one and at most 256 KiB; the same until consume().
  std::span<const std::byte> ahead();
  /// Moves on by `octets`, at most as many as ahead() showed.
  void consume(std::size_t octets) { position_ += octets; }

 private:
  void refill();
  std::uint64_t state_;
  std::vector<std::byte> block_;
  std::size_t position_;
};

/// SHA-256 (FIPS 180-4) of a stream.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::span<const std::byte> octets);
  /// Hexadecimal; to be called once, at the end. Empty when libcrypto refused SHA-256.
  std::string finish();

 private:
  evp_md_ctx_st* context_;
  bool usable_;
};

}  // namespace anabranch::lab
