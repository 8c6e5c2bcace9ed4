// SPDX-License-Identifier: MIT
// The observing half of `paths explain`: this machine's links, addresses and routes, the kernel's
// connections, what the daemon says when one runs, and on demand what single connections over each
// path come to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "paths/explain_facts.hpp"

namespace anabranch::paths {

/// What is asked: one connection by its token, or a destination.
struct Question {
  std::optional<Token> token;
  std::optional<IpAddress> destination;
  std::uint16_t port = 0;  ///< of the destination; 0: every connection to it, and no trial
  bool try_peer = false;   ///< connect over each path, without sending data; needs a port
  nanoseconds patience = milliseconds(2500);  ///< with each trial
  /// Settings of the path manager; empty: those that the running one reads.
  std::filesystem::path settings_file = {};
};

/// "0x9d7282f7", "9d7282f7"; "198.18.0.1", "198.18.0.1:443", "[2001:db8::1]:443". Eight hexadecimal
/// digits are a token. Errors are kBadInput.
Result<Question> parse_question(const std::string& text);

/// Observes; a daemon that runs is asked on its status socket. Errors: no such connection
/// (kFailed), the kernel does not let us look (kNotPermitted), those of the settings' file.
Result<Facts> inspect(const Question& question);

}  // namespace anabranch::paths
