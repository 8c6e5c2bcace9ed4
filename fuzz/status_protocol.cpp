// SPDX-License-Identifier: MIT
// The status socket's lines, read by both ends. First octet: which end.
#include "input.hpp"
#include "status/protocol.hpp"

using namespace anabranch;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto line = fuzz::text_of(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    const auto asked = status::parse_request(line);
    if (asked)
      fuzz::require(
          status::parse_request(status::format_request(asked->verb, asked->argument)) == *asked,
          "a request comes back");
    // Whatever was asked, a refusal can be said.
    const auto refusal = status::format_answer(
        fail("unknown verb '" + asked.value_or(status::Question{}).verb + "'"));
    fuzz::require(!status::parse_answer(refusal).has_value(), "a refusal is one");
    fuzz::require(refusal.find('\n') == refusal.size() - 1, "an answer is one line");
    return 0;
  }
  const auto answer = status::parse_answer(line);
  if (answer) {
    const auto again = status::parse_answer(status::format_answer(*answer));
    fuzz::require(again && *again == *answer, "an answer comes back");
  }
  return 0;
}
