// SPDX-License-Identifier: MIT
// A line of Kea's log: its text is part of the line, and the message id begins the text.
#include "gateway/kea.hpp"
#include "input.hpp"

using namespace anabranch;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto line = fuzz::text_of(data, size);
  const auto parsed = gateway::parse_kea_line(line);
  fuzz::require(line.ends_with(parsed.text), "the text is the end of the line");
  fuzz::require(parsed.text.starts_with(parsed.message_id), "the id begins the text");
  fuzz::require(parsed.message_id.find(' ') == std::string_view::npos, "an id is one word");
  return 0;
}
