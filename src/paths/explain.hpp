// SPDX-License-Identifier: MIT
// Why a pair of addresses is used by a connection or is not: `anabranch paths explain`.
//
// Three steps: inspect() (inspection.hpp) observes, explain() decides, the texts print.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "paths/explain_codes.hpp"
#include "paths/explain_facts.hpp"

namespace anabranch::paths {

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
  Manager manager = Manager::kKernel;
  std::vector<Verdict> pairs;
  std::vector<std::string> remarks;  ///< what concerns all pairs
};

/// Decides. Pure: one explanation a subject of the facts, pairs in the order of local and then
/// remote addresses.
std::vector<Explanation> explain(const Facts& facts);

/// For people: one block a connection, one line a pair, hints below.
std::string explain_text(const std::vector<Explanation>& explanations, bool colours);
/// For scripts: {"connections":[{"token","local","remote","managed_by","pairs":[{"local","remote",
/// "interface","code","words","hint"}],"remarks":[]}]}.
std::string explain_json(const std::vector<Explanation>& explanations);

}  // namespace anabranch::paths
