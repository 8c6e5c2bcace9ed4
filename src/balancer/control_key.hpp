// SPDX-License-Identifier: MIT
// The key that a balancer and its servers share, and what is made of it: MACs of frames
// (HMAC-SHA256, its first 16 octets) and a key for each direction of each connection.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "wire/balancer_control.hpp"

namespace anabranch::balancer {

using ControlMac = std::array<std::uint8_t, wire::kControlMac>;

class ControlKey {
 public:
  static constexpr std::size_t kLeast = 32;  ///< octets

  /// The contents of a file, white space around them left out. An error with a hint when it is too
  /// short or longer than 4096 octets, no file, or for everybody to read.
  static Result<ControlKey> load(const std::filesystem::path& file);
  explicit ControlKey(std::span<const std::uint8_t> octets)
      : octets_(octets.begin(), octets.end()) {}

  using Parts = std::initializer_list<std::span<const std::uint8_t>>;
  /// A key of its own for `purpose` and these octets. Where OpenSSL has no HMAC-SHA256 for us it
  /// makes no MAC that is one.
  ControlKey derive(std::string_view purpose, Parts parts = {}) const;
  /// Of the parts as if they were one.
  ControlMac mac(Parts parts) const;
  /// In a time that says nothing of where they differ.
  bool is_mac(std::span<const std::uint8_t> told, Parts parts) const;

 private:
  std::vector<std::uint8_t> octets_;
};

/// Octets that nobody can guess.
Result<wire::ControlNonce> control_nonce();

}  // namespace anabranch::balancer
