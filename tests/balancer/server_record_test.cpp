// SPDX-License-Identifier: MIT
// The agent finds again what a killed one has changed, and survives what a disk has made of that.
#include "balancer/server_record.hpp"

#include <gtest/gtest.h>

#include "support/frames.hpp"

namespace anabranch::balancer {
namespace {

using test::at;

ServerRecord record() {
  ServerRecord out;
  out.endpoints = {at("198.51.100.10:1025"), at("[2001:db8::21]:0")};
  out.limits = {{.before = {0, 2}, .set = {0, 8}}};
  return out;
}

TEST(ServerRecord, IsReadAsItWasWritten) {
  EXPECT_EQ(parse_server_record(format_server_record(record())), record());
  EXPECT_EQ(parse_server_record(format_server_record({})), ServerRecord());
}

TEST(ServerRecord, APartOfAFileIsAnError) {
  const auto whole = format_server_record(record());
  const auto end = whole.find_last_of('}');
  for (std::size_t length = 0; length <= end; ++length)
    EXPECT_FALSE(parse_server_record(whole.substr(0, length))) << length;
}

TEST(ServerRecord, AMangledFileIsAnError) {
  for (const char* text :
       {"", "[]", "null", "\x01\x02", R"({"version": 2, "endpoints": []})", R"({"version": 1})",
        R"({"version": 1, "endpoints": "all"})", R"({"version": 1, "endpoints": ["no address"]})",
        R"({"version": 1, "endpoints": [7]})",
        R"({"version": 1, "endpoints": [], "limits": {"before": {}, "set": {}}})"})
    EXPECT_FALSE(parse_server_record(text)) << text;
}

}  // namespace
}  // namespace anabranch::balancer
