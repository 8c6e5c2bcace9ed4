// SPDX-License-Identifier: MIT
// The control socket of a Kea of ours: commands go one after another, a connection each, as Kea has
// it, and the answers come back through the loop.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/fd.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"

namespace anabranch::gateway {

class KeaControl {
 public:
  /// Gets Kea's reply, an object with "result" (0: done), "text" and "arguments"; or nothing when
  /// Kea could not be asked or gave no answer within 20 s.
  using Answer = std::function<void(const nlohmann::json*)>;

  KeaControl(Loop& loop, std::filesystem::path socket);

  /// `arguments` is JSON text; empty for none.
  void ask(std::string_view command, std::string_view arguments, Answer answer);
  /// Forgets everything asked; those answers never come.
  void drop();

 private:
  struct Question {
    std::string text;
    Answer answer;
  };

  void send_next();
  Result<void> send(const std::string& text);
  void read_reply();
  void finish(const nlohmann::json* reply);

  Loop& loop_;
  std::filesystem::path socket_;
  std::deque<Question> waiting_;  ///< the first is the one Kea is at
  UniqueFd connection_;
  std::string reply_;
  Loop::Handle watch_;
  Loop::Handle deadline_;
};

}  // namespace anabranch::gateway
