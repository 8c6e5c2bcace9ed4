// SPDX-License-Identifier: MIT
// Why a pair of addresses is used by a connection or is not: `anabranch paths explain`.
//
// Three steps. inspect() observes: this machine's links, addresses and routes, the kernel's
// connections, what the daemon says when one runs, and with `try_peer` what single connections over
// each path come to. explain() decides, and is pure. The texts print.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "paths/explain_codes.hpp"
#include "paths/explain_facts.hpp"

namespace anabranch::paths {

/// What is asked: one connection by its token, or a destination.
struct Question {
  std::optional<Token> token;
  std::optional<IpAddress> destination;
  std::uint16_t port = 0;  ///< of the destination; 0: every connection to it, and no trial
  bool try_peer = false;   ///< connect over each path, without sending data; needs a port
  nanoseconds patience = milliseconds(2500);  ///< with each trial
};

/// "0x9d7282f7", "9d7282f7"; "198.18.0.1", "198.18.0.1:443", "[2001:db8::1]:443". Eight hexadecimal
/// digits are a token. Errors are kBadInput.
Result<Question> parse_question(const std::string& text);

struct Verdict {
  Endpoint local;  ///< port 0 when there is no subflow
  Endpoint remote;
  std::string interface;  ///< of the local address
  ExplainCode code{};
  std::string words;  ///< this case, with its facts, in a sentence
  std::string hint;   ///< empty when there is nothing to do
};

/// One connection, or a new one to the destination.
struct Explanation {
  std::optional<Token> token;  ///< nothing: of a new connection
  Endpoint local;              ///< port 0: of a new connection
  Endpoint remote;
  std::string managed_by;  ///< "daemon", "kernel", "nobody"
  std::vector<Verdict> pairs;
  std::vector<std::string> remarks;  ///< what concerns all pairs
};

/// Observes; rules and limits of the daemon come from its status socket, when it runs. Errors: no
/// such connection (kFailed), the kernel does not let us look (kNotPermitted).
Result<Facts> inspect(const Question& question);

/// Decides. Pure: one explanation a subject of the facts, pairs in the order of local and then
/// remote addresses.
std::vector<Explanation> explain(const Facts& facts);

/// For people: one block a connection, one line a pair, hints below.
std::string explain_text(const std::vector<Explanation>& explanations, bool colours);
/// For scripts: {"connections":[{"token","local","remote","managed_by","pairs":[{"local","remote",
/// "interface","code","words","hint"}],"remarks":[]}]}.
std::string explain_json(const std::vector<Explanation>& explanations);

}  // namespace anabranch::paths
