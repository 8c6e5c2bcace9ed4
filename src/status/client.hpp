// SPDX-License-Identifier: MIT
// Asks a running role, or follows its state.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace anabranch::status {

/// Sends one verb, with what it is about, and waits at most `patience`. Returns the result's JSON
/// text. When nobody listens the error's code is kNotRunning.
Result<std::string> ask(const std::filesystem::path& socket, std::string_view verb,
                        nanoseconds patience = seconds(10), std::string_view argument = {});

/// A subscription: poll fd(), then take() each state or event that has arrived.
class Subscription {
 public:
  /// `verb` is "subscribe" for states or "monitor" for events. Never waits: a role that is too busy
  /// to take one more client is an error.
  static Result<Subscription> open(const std::filesystem::path& socket,
                                   std::string_view verb = "subscribe");
  int fd() const { return fd_.get(); }
  /// Waits at most `patience` for the next one, as JSON text.
  Result<std::string> next(nanoseconds patience);
  /// The next state if it has arrived whole; never waits. An error is the end: the role is gone, or
  /// speaks otherwise.
  Result<std::optional<std::string>> take();

 private:
  explicit Subscription(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  std::string buffer_;
};

}  // namespace anabranch::status
